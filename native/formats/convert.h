#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "formats/format.h"

namespace bitnet {

/// `quarter` of convert_rows when `data` is not one row quarter of a packed checkpoint.
inline constexpr int kNoQuarter = -1;

/// Re-encodes rows; the result is exactly their payload in `to`, without a tensor tail.
///   data     the rows' payload in `from`: payload_bytes(from, rows, cols) bytes. Formats whose
///            elements are not in flat order take (and give) whole row quads, or, for hf_packed,
///            the whole tensor.
///   quarter  hf_packed input only: `data` holds rows x cols packed bytes, of which the 2-bit field
///            `quarter` (0..3) is wanted, that is rows of one quarter of the tensor. Else
///            kNoQuarter.
///   scale    float -> ternary divides by it (see ternarise), ternary -> float multiplies with it;
///            otherwise unused
/// A tensor converted in blocks of rows gives the same bytes as in one go if every block holds
/// whole blocks of both formats (hf_packed output: only in one go).
/// Throws Error: kModelFormat (shape does not fit a format, invalid code, weight that is not finite
/// and would spoil its block), kUsage (wrong data size, quarter or scale), kUnsupported (format
/// without a writer).
std::vector<uint8_t> convert_rows(const Format& from, const Format& to, uint64_t rows,
                                  uint64_t cols, const uint8_t* data, size_t data_bytes,
                                  float scale, int quarter = kNoQuarter);

/// Sum of abs_sum over the rows, in row order. `from` is a float format; errors as convert_rows.
/// Sums of blocks of rows, added up, may differ from the whole in the last bits of the double.
double abs_sum_rows(const Format& from, uint64_t rows, uint64_t cols, const uint8_t* data,
                    size_t data_bytes);

/// check_ternary over all rows. `from` is a float format; errors as convert_rows.
TernaryCheck check_ternary_rows(const Format& from, uint64_t rows, uint64_t cols,
                                const uint8_t* data, size_t data_bytes);

}  // namespace bitnet
