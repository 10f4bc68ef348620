#pragma once

#include <cstddef>
#include <cstdint>

namespace bitnet {

/// Result of a check over a block of weights.
struct TernaryCheck {
  float max_abs;  ///< largest |w|; NaN when a weight is NaN
  bool ternary;   ///< every weight is -max_abs, 0 or +max_abs, and max_abs is finite
};

/// How the table-lookup formats TL1 and TL2 cut a matrix. Files do not say; all 0 otherwise.
struct TileParams {
  uint32_t rows = 0;        ///< BM of their converter
  uint32_t cols = 0;        ///< BK
  uint32_t inner_rows = 0;  ///< bm (in its configuration files: bmm)

  bool operator==(const TileParams&) const = default;
};

/// A row-major matrix of weights, and the tiles for the formats that have them.
struct MatrixShape {
  uint64_t rows;
  uint64_t cols;
  TileParams tile = {};
};

/// Which weights share a block of a format.
enum class ElementOrder : uint8_t {
  kRows,         ///< block_elems neighbours within a row
  kFlat,         ///< block_elems neighbours of the row-major matrix; blocks may span rows
  kRowQuads,     ///< one column of four adjacent rows 4i .. 4i+3
  kRowQuarters,  ///< one column of the four rows i, i + rows/4, i + rows/2, i + 3*rows/4
  kTl1,          ///< tiles, those of the first tile.rows rows first
  kTl2,          ///< tiles in three sections, each over the whole matrix
};

/// Where a ternary format keeps its scales.
enum class ScalePlace : uint8_t {
  kApart,   ///< one for the matrix: f32 at the start of the tail, or outside the tensor
  kBlock,   ///< f16 in every block, at scale_offset
  kRowF16,  ///< f16 before the blocks of every row
  kRowF32,  ///< f32 before the blocks of every row
};

/// A weight format on disk. Sizes follow from the table; rows are `cols` weights, row-major.
///
/// Float formats (ternary == false) are sequences of independent blocks; `decode` and `encode`
/// work on whole blocks of one contiguous run of `n` weights, n % block_elems == 0.
///
/// Ternary formats hold codes 0, 1, 2 for -1, 0, +1. Blocks may span rows, so the functions see the
/// whole tensor and are given a range of rows. Scales are kept apart from codes even where a block
/// holds both: see scales.h.
///
/// Pointers to packed bytes need no alignment.
struct Format {
  const char* name;  ///< shared with the TypeScript `Encoding` type
  bool ternary;
  ElementOrder order;
  uint32_t block_elems;  ///< of kTl2: 0, its sizes are no multiple of a block
  uint32_t block_bytes;
  uint32_t tail_bytes;  ///< after the payload: f32 scale and 28 unused bytes, or nothing
  ScalePlace scale_place;
  uint32_t scale_offset;

  /// blocks -> x [n]. Null for ternary formats.
  void (*decode)(const uint8_t* blocks, float* x, size_t n) noexcept;
  /// x [n] -> blocks; x must be finite where a block shares a scale. Null where writing is not
  /// supported, and for ternary formats.
  void (*encode)(const float* x, uint8_t* blocks, size_t n) noexcept;

  /// Payload of a tensor -> codes [n_rows, cols], one byte each, for rows
  /// [row_begin, row_begin + n_rows). Bytes that hold no valid code give 3. Any range will do;
  /// whole multiples of unpack_multiple are fastest. Null for float formats.
  void (*unpack)(const uint8_t* payload, const MatrixShape& shape, uint64_t row_begin,
                 uint64_t n_rows, uint8_t* codes) noexcept;
  /// codes [n_rows, cols], each at most 2 -> their places in the payload of the tensor, all of
  /// whose bytes were zero at first. row_begin is a multiple of pack_multiple, and so is n_rows
  /// unless the range ends the matrix. Leaves scales alone. Null where writing is not supported.
  void (*pack)(const uint8_t* codes, const MatrixShape& shape, uint64_t row_begin, uint64_t n_rows,
               uint8_t* payload) noexcept;
};

/// Looks a format up by name; null when there is none.
const Format* find_format(const char* name) noexcept;

/// All formats, in table order; `*count` receives their number.
const Format* format_table(size_t* count) noexcept;

/// What keeps a matrix from having this format, as a clause ("rows must be a multiple of the tile's
/// rows (BM)"); null when nothing does.
const char* misfit(const Format& format, const MatrixShape& shape) noexcept;

/// Payload bytes of a tensor without its tail, or 0 when there is a misfit. The tail follows.
uint64_t payload_bytes(const Format& format, const MatrixShape& shape) noexcept;
inline uint64_t payload_bytes(const Format& format, uint64_t rows, uint64_t cols) noexcept {
  return payload_bytes(format, MatrixShape{rows, cols});
}

/// Bytes before the blocks of every row.
uint32_t row_header_bytes(const Format& format) noexcept;

/// Neighbours in a row that share a scale of the payload: block_elems, or cols for row scales; 0
/// when the scale is kept apart. Divides cols.
uint64_t weights_per_scale(const Format& format, uint64_t cols) noexcept;

/// A tensor cut into blocks of this many rows (the last may be smaller) is its blocks' payloads one
/// after another; `rows` when it cannot be cut. Precondition: no misfit.
uint64_t row_multiple(const Format& format, const MatrixShape& shape) noexcept;

/// See Format::unpack and Format::pack. Precondition: no misfit.
uint64_t unpack_multiple(const Format& format) noexcept;
uint64_t pack_multiple(const Format& format, uint64_t cols) noexcept;

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
