// TL2: triples of weights as a four-bit index (first section) and a sign (second), and for the
// columns that fill no tile pairs as in TL1 (third), in the order in which the x86 kernel of
// bitnet.cpp walks over tiles. The payload is longer than the sections; the scale follows it.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "formats/tl.h"
#include "formats/two_bit.h"

namespace bitnet {
namespace {

/// Columns of a chunk with triples: the signs of eight triples of two rows share 16 bits.
constexpr uint64_t kTripleCols = 24;
/// Columns of a tile with pairs.
constexpr uint64_t kPairCols = 32;
/// Room for the last triples to be stored as eight codes.
constexpr uint64_t kChunkCols = 32;
using Chunk = uint8_t[kTl2Strip][kChunkCols];

/// A unit is 32 bytes, one for every row of a strip.
constexpr size_t kUnitTripleCols = 6;
constexpr size_t kUnitPairCols = 4;

constexpr int kZeroTriple = 13;  // 9 + 3 + 1: the value of codes 1, 1, 1
constexpr unsigned kTripleIndices = 14;
constexpr uint64_t kInvalidTriple = 0x030303;

/// Rows come in the order 0-7, 16-23, 8-15, 24-31: the kernel's vectors have two halves.
constexpr size_t row_of_byte(size_t q) noexcept { return (q & 8) * 2 + (q & 16) / 2 + (q & 7); }

/// Index and sign of a triple -> its codes, one in each byte.
constexpr uint64_t triple_codes(unsigned index, bool negative) noexcept {
  if (index >= kTripleIndices) return kInvalidTriple;
  const int v = kZeroTriple + (negative ? -static_cast<int>(index) : static_cast<int>(index));
  const auto u = static_cast<uint64_t>(v);
  return u / 9 | u / 3 % 3 << 8 | u % 3 << 16;
}

/// Two sign bits (the first triple's is the higher one) and a byte of two indices -> six codes.
constexpr std::array<uint64_t, 1024> make_triple_table() {
  std::array<uint64_t, 1024> table{};
  for (unsigned i = 0; i < table.size(); i++) {
    table[i] = triple_codes(i >> 4 & 15, (i >> 9) != 0) | triple_codes(i & 15, (i >> 8 & 1) != 0)
                                                              << 24;
  }
  return table;
}
constexpr std::array<uint64_t, 1024> kTripleTable = make_triple_table();

/// Sections of a tensor, and what of them belongs to one strip of 32 rows.
class Strip {
 public:
  Strip(const MatrixShape& shape, uint64_t row) : shape_(shape) {
    triple_cols_ = shape.cols / shape.tile.cols * shape.tile.cols;
    signs_ = shape.rows * triple_cols_ / 6;
    pairs_ = signs_ + shape.rows * triple_cols_ / 24;
    tile_row_ = row / shape.tile.rows * shape.tile.rows;
    row_in_tile_ = row - tile_row_;
  }

  uint64_t triple_cols() const { return triple_cols_; }
  /// Of the chunk of 24 columns at `col`: four units of indices.
  uint64_t indices(uint64_t col) const { return triples(col) * 4; }
  /// 16 words of signs.
  uint64_t signs(uint64_t col) const { return signs_ + triples(col); }
  /// Of the 32 columns at `col`, which are beyond triple_cols: eight units of pairs.
  uint64_t pairs(uint64_t col) const {
    const uint64_t pair_cols = shape_.cols - triple_cols_;
    return pairs_ + (tile_row_ * pair_cols + (col - triple_cols_) * shape_.tile.rows +
                     row_in_tile_ * kPairCols) /
                        4;
  }

 private:
  /// Triples' bytes of sign before `col`; indices take four times as many.
  uint64_t triples(uint64_t col) const {
    const uint64_t tile_cols = shape_.tile.cols;
    const uint64_t col_in_tile = col % tile_cols;
    return (tile_row_ * triple_cols_ + (col - col_in_tile) * shape_.tile.rows +
            row_in_tile_ * tile_cols + col_in_tile * kTl2Strip) /
           24;
  }

  const MatrixShape& shape_;
  uint64_t triple_cols_ = 0;
  uint64_t signs_ = 0;
  uint64_t pairs_ = 0;
  uint64_t tile_row_ = 0;
  uint64_t row_in_tile_ = 0;
};

/// Signs of the eight triples of each row, the first at bit 15, 13, ...: rows 16 to 31 have theirs
/// one bit lower in the words of rows 0 to 15.
void unpack_triples(const uint8_t* indices, const uint8_t* signs, Chunk& chunk) noexcept {
  uint32_t row_signs[kTl2Strip];
  for (size_t i = 0; i < 16; i++) {
    const uint32_t word = signs[2 * i] | uint32_t{signs[2 * i + 1]} << 8;
    row_signs[i] = word;
    row_signs[i + 16] = word << 1;
  }
  for (size_t unit = 0; unit < 4; unit++, indices += kTl2Strip) {
    const size_t shift = 12 - 4 * unit;
    for (size_t q = 0; q < kTl2Strip; q++) {
      const size_t row = row_of_byte(q);
      const uint32_t bits = row_signs[row] >> shift;
      const uint32_t i = indices[q] | (bits & 8) << 6 | (bits & 2) << 7;
      store_u64(chunk[row] + unit * kUnitTripleCols, kTripleTable[i]);
    }
  }
}

void pack_triples(const Chunk& chunk, uint8_t* indices, uint8_t* signs) noexcept {
  uint32_t row_signs[kTl2Strip] = {};
  for (size_t unit = 0; unit < 4; unit++, indices += kTl2Strip) {
    for (size_t q = 0; q < kTl2Strip; q++) {
      const size_t row = row_of_byte(q);
      const uint8_t* c = chunk[row] + unit * kUnitTripleCols;
      const int first = 9 * c[0] + 3 * c[1] + c[2] - kZeroTriple;
      const int second = 9 * c[3] + 3 * c[4] + c[5] - kZeroTriple;
      indices[q] =
          static_cast<uint8_t>((first < 0 ? -first : first) << 4 | (second < 0 ? -second : second));
      row_signs[row] |= ((first < 0 ? 8u : 0u) | (second < 0 ? 2u : 0u)) << (12 - 4 * unit);
    }
  }
  for (size_t i = 0; i < 16; i++) {
    const uint32_t word = row_signs[i] | row_signs[i + 16] >> 1;
    signs[2 * i] = static_cast<uint8_t>(word);
    signs[2 * i + 1] = static_cast<uint8_t>(word >> 8);
  }
}

void unpack_pairs(const uint8_t* units, Chunk& chunk) noexcept {
  for (size_t col = 0; col < kPairCols; col += kUnitPairCols, units += kTl2Strip) {
    for (size_t q = 0; q < kTl2Strip; q++) {
      std::memcpy(chunk[row_of_byte(q)] + col, &kPairTable[units[q]], kUnitPairCols);
    }
  }
}

void pack_pairs(const Chunk& chunk, uint8_t* units) noexcept {
  for (size_t col = 0; col < kPairCols; col += kUnitPairCols, units += kTl2Strip) {
    for (size_t q = 0; q < kTl2Strip; q++) units[q] = pair_byte(chunk[row_of_byte(q)] + col);
  }
}

/// Bytes of the three sections.
uint64_t section_bytes(const MatrixShape& shape) noexcept {
  const uint64_t pair_cols = shape.cols % shape.tile.cols;
  return shape.rows * (shape.cols - pair_cols) / 24 * 5 + shape.rows * pair_cols / 4;
}

/// The converter's and the loader's idea of the size: triples but for 256 columns of pairs,
/// whatever the tiles. Each division rounds down, in this order.
uint64_t nominal_bytes(const MatrixShape& shape) noexcept {
  return (shape.cols - 256) * shape.rows / 3 * 5 / 8 + 256 * shape.rows / 2 * 4 / 8;
}

}  // namespace

const char* tl2_misfit(const MatrixShape& shape) noexcept {
  const TileParams& tile = shape.tile;
  if (tile.rows == 0 || tile.cols == 0) return "it needs the tile parameters of its converter";
  if (tile.inner_rows != kTl2Strip) return "bm must be 32";
  if (tile.rows % kTl2Strip != 0) return "BM must be a multiple of 32";
  if (tile.cols % kTripleCols != 0) return "BK must be a multiple of 24";
  if (shape.rows % tile.rows != 0) return "rows must be a multiple of BM";
  if (shape.cols % tile.cols % kPairCols != 0) {
    return "the remainder of columns / BK must be a multiple of 32";
  }
  // Below, the size formula goes negative, and its two implementations round differently.
  if (shape.cols < 256) return "it needs 256 columns at least";
  if (section_bytes(shape) > nominal_bytes(shape)) {
    return "the remainder of columns / BK is larger than its size formula allows for";
  }
  return nullptr;
}

uint64_t tl2_payload_bytes(const MatrixShape& shape) noexcept {
  return (nominal_bytes(shape) + 31) / 32 * 32;
}

void unpack_tl2(const uint8_t* payload, const MatrixShape& shape, uint64_t row_begin,
                uint64_t n_rows, uint8_t* codes) noexcept {
  const uint64_t row_end = row_begin + n_rows;
  for (uint64_t row = row_begin; row < row_end;) {
    const uint64_t skip = row % kTl2Strip;
    const uint64_t take = std::min(kTl2Strip - skip, row_end - row);
    const Strip strip(shape, row - skip);
    Chunk chunk;
    uint64_t col = 0;
    for (; col < strip.triple_cols(); col += kTripleCols) {
      unpack_triples(payload + strip.indices(col), payload + strip.signs(col), chunk);
      for (uint64_t i = 0; i < take; i++) {
        std::memcpy(codes + i * shape.cols + col, chunk[skip + i], kTripleCols);
      }
    }
    for (; col < shape.cols; col += kPairCols) {
      unpack_pairs(payload + strip.pairs(col), chunk);
      for (uint64_t i = 0; i < take; i++) {
        std::memcpy(codes + i * shape.cols + col, chunk[skip + i], kPairCols);
      }
    }
    row += take;
    codes += take * shape.cols;
  }
}

void pack_tl2(const uint8_t* codes, const MatrixShape& shape, uint64_t row_begin, uint64_t n_rows,
              uint8_t* payload) noexcept {
  for (uint64_t row = row_begin; row < row_begin + n_rows; row += kTl2Strip) {
    const Strip strip(shape, row);
    Chunk chunk;
    uint64_t col = 0;
    for (; col < strip.triple_cols(); col += kTripleCols) {
      for (uint64_t i = 0; i < kTl2Strip; i++) {
        std::memcpy(chunk[i], codes + i * shape.cols + col, kTripleCols);
      }
      pack_triples(chunk, payload + strip.indices(col), payload + strip.signs(col));
    }
    for (; col < shape.cols; col += kPairCols) {
      for (uint64_t i = 0; i < kTl2Strip; i++) {
        std::memcpy(chunk[i], codes + i * shape.cols + col, kPairCols);
      }
      pack_pairs(chunk, payload + strip.pairs(col));
    }
    codes += kTl2Strip * shape.cols;
  }
}

}  // namespace bitnet
