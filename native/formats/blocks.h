#pragma once

#include <cstddef>
#include <cstdint>

#include "formats/format.h"

namespace bitnet {

// Unpacking and packing of rows of independent blocks. `Block` knows one of them:
//   kElems, kBytes, kRowHeader (bytes before the blocks of a row)
//   static void unpack(const uint8_t* block, uint8_t* codes) noexcept;
//   static void pack(const uint8_t* codes, uint8_t* block) noexcept;  // leaves the scale alone

template <class Block>
void unpack_blocks(const uint8_t* payload, const MatrixShape& shape, uint64_t row_begin,
                   uint64_t n_rows, uint8_t* codes) noexcept {
  const uint64_t blocks_per_row = shape.cols / Block::kElems;
  payload += row_begin * (Block::kRowHeader + blocks_per_row * Block::kBytes);
  for (uint64_t row = 0; row < n_rows; row++) {
    payload += Block::kRowHeader;
    for (uint64_t i = 0; i < blocks_per_row; i++) {
      Block::unpack(payload, codes);
      payload += Block::kBytes;
      codes += Block::kElems;
    }
  }
}

template <class Block>
void pack_blocks(const uint8_t* codes, const MatrixShape& shape, uint64_t row_begin,
                 uint64_t n_rows, uint8_t* payload) noexcept {
  static_assert(Block::kRowHeader == 0);
  const uint64_t blocks_per_row = shape.cols / Block::kElems;
  payload += row_begin * blocks_per_row * Block::kBytes;
  for (uint64_t i = 0; i < n_rows * blocks_per_row; i++) {
    Block::pack(codes, payload);
    codes += Block::kElems;
    payload += Block::kBytes;
  }
}

}  // namespace bitnet
