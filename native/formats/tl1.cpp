// TL1: pairs of weights in four bits, two pairs a byte, in the order in which the ARM kernel of
// bitnet.cpp walks over tiles. The scale follows the payload.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "formats/tl.h"

namespace bitnet {
namespace {

/// Columns taken at a time: rows that are a power of two apart would crowd each other out of the
/// cache if every unit went to them directly.
constexpr uint64_t kChunkCols = 64;
constexpr uint64_t kUnitCols = 4;
constexpr uint64_t kUnitBytes = kTl1Strip;
using Chunk = uint8_t[kTl1Strip][kChunkCols];

/// Weights of inner_rows x step columns that lie together, 64 bytes.
constexpr uint32_t kStepElems = 256;

/// Where the units of 16 rows x 4 columns of one strip lie.
class Strip {
 public:
  Strip(const MatrixShape& shape, uint64_t row) : tile_(shape.tile) {
    const uint64_t inner_rows = tile_.inner_rows;
    const uint64_t step_cols = kStepElems / inner_rows;
    units_per_step_ = step_cols / kUnitCols;
    tile_bytes_ = uint64_t{tile_.rows} * tile_.cols / 4;
    begin_ = row / tile_.rows * tile_.rows * shape.cols / 4 +
             row % tile_.rows / inner_rows * inner_rows * tile_.cols / 4 +
             row % inner_rows / kTl1Strip * units_per_step_ * kUnitBytes;
  }

  /// Byte offset of the unit at `col`, a multiple of 4.
  uint64_t unit(uint64_t col) const {
    const uint64_t i = col % tile_.cols / kUnitCols;
    return begin_ + col / tile_.cols * tile_bytes_ + i / units_per_step_ * (kStepElems / 4) +
           i % units_per_step_ * kUnitBytes;
  }

 private:
  TileParams tile_;
  uint64_t units_per_step_ = 0;
  uint64_t tile_bytes_ = 0;
  uint64_t begin_ = 0;
};

void unpack_unit(const uint8_t* unit, uint8_t* codes) noexcept {
  for (size_t r = 0; r < kTl1Strip; r++) {
    std::memcpy(codes + r * kChunkCols, &kPairTable[unit[r]], kUnitCols);
  }
}

void pack_unit(const uint8_t* codes, uint8_t* unit) noexcept {
  for (size_t r = 0; r < kTl1Strip; r++) unit[r] = pair_byte(codes + r * kChunkCols);
}

}  // namespace

const char* tl1_misfit(const MatrixShape& shape) noexcept {
  const TileParams& tile = shape.tile;
  if (tile.rows == 0 || tile.cols == 0) return "it needs the tile parameters of its converter";
  if (tile.inner_rows != 32 && tile.inner_rows != 64) return "bm must be 32 or 64";
  if (tile.rows % tile.inner_rows != 0) return "BM must be a multiple of bm";
  if (tile.cols % (kStepElems / tile.inner_rows) != 0) return "BK must be a multiple of 256 / bm";
  if (shape.rows % tile.rows != 0) return "rows must be a multiple of BM";
  if (shape.cols % tile.cols != 0) return "columns must be a multiple of BK";
  return nullptr;
}

void unpack_tl1(const uint8_t* payload, const MatrixShape& shape, uint64_t row_begin,
                uint64_t n_rows, uint8_t* codes) noexcept {
  const uint64_t row_end = row_begin + n_rows;
  for (uint64_t row = row_begin; row < row_end;) {
    const uint64_t skip = row % kTl1Strip;
    const uint64_t take = std::min(kTl1Strip - skip, row_end - row);
    const Strip strip(shape, row - skip);
    for (uint64_t col = 0; col < shape.cols; col += kChunkCols) {
      const uint64_t n = std::min(kChunkCols, shape.cols - col);
      Chunk chunk;
      for (uint64_t j = 0; j < n; j += kUnitCols) {
        unpack_unit(payload + strip.unit(col + j), chunk[0] + j);
      }
      for (uint64_t i = 0; i < take; i++) {
        std::memcpy(codes + i * shape.cols + col, chunk[skip + i], n);
      }
    }
    row += take;
    codes += take * shape.cols;
  }
}

void pack_tl1(const uint8_t* codes, const MatrixShape& shape, uint64_t row_begin, uint64_t n_rows,
              uint8_t* payload) noexcept {
  for (uint64_t row = row_begin; row < row_begin + n_rows; row += kTl1Strip) {
    const Strip strip(shape, row);
    for (uint64_t col = 0; col < shape.cols; col += kChunkCols) {
      const uint64_t n = std::min(kChunkCols, shape.cols - col);
      Chunk chunk;
      for (uint64_t i = 0; i < kTl1Strip; i++) {
        std::memcpy(chunk[i], codes + i * shape.cols + col, n);
      }
      for (uint64_t j = 0; j < n; j += kUnitCols) {
        pack_unit(chunk[0] + j, payload + strip.unit(col + j));
      }
    }
    codes += kTl1Strip * shape.cols;
  }
}

}  // namespace bitnet
