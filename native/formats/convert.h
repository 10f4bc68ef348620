#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "formats/format.h"
#include "formats/rows.h"
#include "formats/scales.h"

namespace bitnet {

/// What rows are to become.
struct Target {
  const Format* format;
  TileParams tile = {};
  /// Of ternary formats that keep their scale apart: the one that will be stored.
  float scale = 1.0f;
  /// Round and merge scales, round weights of float formats. The trits are kept in any case.
  bool allow_lossy = false;
};

struct ConvertedRows {
  std::vector<uint8_t> bytes;  ///< exactly the rows' payload, without a tensor tail
  Loss loss;
};

/// Re-encodes rows. Trits stay trits: to other ternary formats go codes and scales, each by itself,
/// and whether that is lossless is known exactly. Plain floats go to float formats only, and what
/// they lose there is not counted.
///
/// A tensor converted in blocks of rows gives the same bytes as in one go if the rows of every
/// block but the last are a multiple of row_multiple of both formats. Throws Error: what RowsReader
/// throws; kModelFormat (shape does not fit the target, plain weights that are not finite and would
/// spoil their block), kUsage (plain floats to ternary), kUnsupported (no writer, scale beyond f16,
/// or a loss that is not allowed: the message says what).
ConvertedRows convert(const Rows& rows, const Target& target);

/// Of ternary rows; the scale for a target that keeps one apart is min where min == max, or else,
/// with a loss, weighted_sum / n_nonzeros. Errors as RowsReader.
ScaleStats scale_stats(const Rows& rows);

/// How the weights of two blocks of rows differ, as float numbers.
struct RowsDifference {
  uint64_t n_trits = 0;       ///< weights with another sign, or zero in one of the two
  uint64_t n_weights = 0;     ///< weights with another value, those included
  double max_relative = 0.0;  ///< largest |b - a| / max(|a|, |b|)
};

/// Compares blocks of the same rows and columns. Errors as RowsReader; kUsage when sizes differ.
RowsDifference compare_rows(const Rows& a, const Rows& b);

/// Ternary rows taken apart.
struct TernaryRows {
  std::vector<uint8_t> codes;  ///< [n_rows, cols]
  std::vector<float> scales;   ///< [n_rows, cols / group]
  uint64_t group = 0;
};

/// Rows [row_begin, row_begin + n_rows). Errors as RowsReader.
TernaryRows unpack_rows(const Rows& rows, uint64_t row_begin, uint64_t n_rows);

/// convert() of former days: masters to ternary formats, ternary to float formats with one scale
/// (else unused), losses allowed where the formats keep their scales apart.
std::vector<uint8_t> convert_rows(const Format& from, const Format& to, uint64_t rows,
                                  uint64_t cols, const uint8_t* data, size_t data_bytes,
                                  float scale, int quarter = kNoQuarter);

/// Sum of abs_sum over the rows, in row order. `from` is a float format; errors as RowsReader.
/// Sums of blocks of rows, added up, may differ from the whole in the last bits of the double.
double abs_sum_rows(const Format& from, uint64_t rows, uint64_t cols, const uint8_t* data,
                    size_t data_bytes);

/// check_ternary over all rows. `from` is a float format; errors as RowsReader.
TernaryCheck check_ternary_rows(const Format& from, uint64_t rows, uint64_t cols,
                                const uint8_t* data, size_t data_bytes);

}  // namespace bitnet
