#pragma once

#include <cstddef>
#include <cstdint>

namespace bitnet {

/// Result of a check over a block of weights.
struct TernaryCheck {
  float max_abs;  ///< largest |w|; NaN when a weight is NaN
  bool ternary;   ///< every weight is -max_abs, 0 or +max_abs, and max_abs is finite
};

/// Which weights share a block of a format.
enum class ElementOrder : uint8_t {
  kFlat,         ///< block_elems neighbours of the row-major matrix; blocks may span rows
  kRowQuads,     ///< one column of four adjacent rows 4i .. 4i+3
  kRowQuarters,  ///< one column of the four rows i, i + rows/4, i + rows/2, i + 3*rows/4
};

/// A weight format on disk. Sizes follow from the table; rows are `cols` weights, row-major.
///
/// Float formats (ternary == false) are sequences of independent blocks; `decode` and `encode`
/// work on whole blocks of one contiguous run of `n` weights, n % block_elems == 0. A row is a
/// whole number of blocks.
///
/// Ternary formats hold codes 0, 1, 2 for -1, 0, +1. Their element order may span rows, so
/// `unpack` sees the whole tensor and is asked for a range of rows. The scale is kept apart (in the
/// tail, in another tensor): codes are all that these functions know.
///
/// Pointers to packed bytes need no alignment.
struct Format {
  const char* name;  ///< shared with the TypeScript `Encoding` type
  bool ternary;
  ElementOrder order;
  uint32_t block_elems;
  uint32_t block_bytes;
  uint32_t tail_bytes;  ///< after the last row; for I2_S: f32 scale and 28 unused bytes

  /// blocks -> x [n]. Null for ternary formats.
  void (*decode)(const uint8_t* blocks, float* x, size_t n) noexcept;
  /// x [n] -> blocks; x must be finite where a block shares a scale. Null where writing is not
  /// supported, and for ternary formats.
  void (*encode)(const float* x, uint8_t* blocks, size_t n) noexcept;

  /// Payload of a [rows, cols] tensor -> codes [n_rows, cols], one byte each, for rows
  /// [row_begin, row_begin + n_rows). Bytes that hold no valid code give 3. Null for float formats.
  void (*unpack)(const uint8_t* payload, uint64_t rows, uint64_t cols, uint64_t row_begin,
                 uint64_t n_rows, uint8_t* codes) noexcept;
  /// codes [rows, cols], each at most 3 -> payload of the whole tensor. Null where writing is not
  /// supported.
  void (*pack)(const uint8_t* codes, uint64_t rows, uint64_t cols, uint8_t* payload) noexcept;
};

/// Looks a format up by name; null when there is none.
const Format* find_format(const char* name) noexcept;

/// All formats, in table order; `*count` receives their number.
const Format* format_table(size_t* count) noexcept;

/// Payload bytes of a [rows, cols] tensor without its tail, or 0 when the shape does not fit the
/// format: no weights, blocks not filled (float formats: per row; flat ternary formats: over the
/// whole matrix; else rows % 4 != 0), or a size beyond 63 bits. The tail follows the payload.
uint64_t payload_bytes(const Format& format, uint64_t rows, uint64_t cols) noexcept;

/// Ternarises x [n] with one scale: code = clamp(rne(x * (1 / scale)), -1, 1) + 1.
/// NaN gives code 1.
/// Source: arXiv:2402.17764 section 2 (absmean quantisation).
void ternarise(const float* x, size_t n, float scale, uint8_t* codes) noexcept;

/// True when every code is 0, 1 or 2.
bool codes_valid(const uint8_t* codes, size_t n) noexcept;

/// Sum of |x| of one row [n] in double precision, from left to right.
double abs_sum(const float* x, size_t n) noexcept;

TernaryCheck check_ternary(const float* x, size_t n) noexcept;

}  // namespace bitnet
