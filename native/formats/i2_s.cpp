// I2_S: ternary codes of two bits, in the five element orders that are found under that name
// (docs/FORMATS.md). The scale and 28 unused bytes follow the payload.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "formats/format.h"
#include "formats/two_bit.h"

namespace bitnet {
namespace {

/// Groups of kGroup weights in kGroup/4 bytes: byte j holds the weights j, j + kGroup/4,
/// j + kGroup/2 and j + 3*kGroup/4 of its group, the first in the highest bits.
template <size_t kGroup>
struct Grouped {
  static constexpr size_t kElems = kGroup;
  static constexpr size_t kBytes = kGroup / 4;

  static void unpack(const uint8_t* bytes, uint64_t n_groups, uint8_t* codes) noexcept {
    for (uint64_t i = 0; i < n_groups; i++, bytes += kBytes, codes += kElems) {
      for (size_t j = 0; j < kBytes; j += 8) {
        const uint64_t word = load_u64(bytes + j);
        for (size_t field = 0; field < 4; field++) {
          store_u64(codes + field * kBytes + j, (word >> (6 - 2 * field)) & 0x0303030303030303u);
        }
      }
    }
  }

  static void pack(const uint8_t* codes, uint64_t n_groups, uint8_t* bytes) noexcept {
    for (uint64_t i = 0; i < n_groups; i++, bytes += kBytes, codes += kElems) {
      pack_fields(codes, codes + kBytes, codes + 2 * kBytes, codes + 3 * kBytes, kBytes, bytes);
    }
  }
};

/// Rows of a flat order: whole blocks in the middle, parts of a block at either end when cols is
/// not a multiple of the block.
template <class Order>
void unpack_flat(const uint8_t* payload, uint64_t cols, uint64_t row_begin, uint64_t n_rows,
                 uint8_t* codes) noexcept {
  const uint64_t first = row_begin * cols;
  uint64_t left = n_rows * cols;
  const uint8_t* block = payload + first / Order::kElems * Order::kBytes;
  uint8_t partial[Order::kElems];

  if (const uint64_t skip = first % Order::kElems; skip != 0) {
    const uint64_t take = left < Order::kElems - skip ? left : Order::kElems - skip;
    Order::unpack(block, 1, partial);
    std::memcpy(codes, partial + skip, take);
    block += Order::kBytes;
    codes += take;
    left -= take;
  }
  const uint64_t n_blocks = left / Order::kElems;
  Order::unpack(block, n_blocks, codes);
  if (const uint64_t rest = left % Order::kElems; rest != 0) {
    Order::unpack(block + n_blocks * Order::kBytes, 1, partial);
    std::memcpy(codes + n_blocks * Order::kElems, partial, rest);
  }
}

/// The range is whole blocks.
template <class Order>
void pack_flat(const uint8_t* codes, uint64_t cols, uint64_t row_begin, uint64_t n_rows,
               uint8_t* payload) noexcept {
  Order::pack(codes, n_rows * cols / Order::kElems,
              payload + row_begin * cols / Order::kElems * Order::kBytes);
}

using Group128 = Grouped<128>;
using Group64 = Grouped<64>;
using SeqHi = Sequential<FirstCode::kHighestBits>;
using SeqLo = Sequential<FirstCode::kLowestBits>;

}  // namespace

void unpack_i2_s(const uint8_t* payload, const MatrixShape& shape, uint64_t row_begin,
                 uint64_t n_rows, uint8_t* codes) noexcept {
  unpack_flat<Group128>(payload, shape.cols, row_begin, n_rows, codes);
}

void pack_i2_s(const uint8_t* codes, const MatrixShape& shape, uint64_t row_begin, uint64_t n_rows,
               uint8_t* payload) noexcept {
  pack_flat<Group128>(codes, shape.cols, row_begin, n_rows, payload);
}

void unpack_i2_s_group64(const uint8_t* payload, const MatrixShape& shape, uint64_t row_begin,
                         uint64_t n_rows, uint8_t* codes) noexcept {
  unpack_flat<Group64>(payload, shape.cols, row_begin, n_rows, codes);
}

void pack_i2_s_group64(const uint8_t* codes, const MatrixShape& shape, uint64_t row_begin,
                       uint64_t n_rows, uint8_t* payload) noexcept {
  pack_flat<Group64>(codes, shape.cols, row_begin, n_rows, payload);
}

void unpack_i2_s_seq_hi(const uint8_t* payload, const MatrixShape& shape, uint64_t row_begin,
                        uint64_t n_rows, uint8_t* codes) noexcept {
  unpack_flat<SeqHi>(payload, shape.cols, row_begin, n_rows, codes);
}

void pack_i2_s_seq_hi(const uint8_t* codes, const MatrixShape& shape, uint64_t row_begin,
                      uint64_t n_rows, uint8_t* payload) noexcept {
  pack_flat<SeqHi>(codes, shape.cols, row_begin, n_rows, payload);
}

void unpack_i2_s_seq_lo(const uint8_t* payload, const MatrixShape& shape, uint64_t row_begin,
                        uint64_t n_rows, uint8_t* codes) noexcept {
  unpack_flat<SeqLo>(payload, shape.cols, row_begin, n_rows, codes);
}

void pack_i2_s_seq_lo(const uint8_t* codes, const MatrixShape& shape, uint64_t row_begin,
                      uint64_t n_rows, uint8_t* payload) noexcept {
  pack_flat<SeqLo>(codes, shape.cols, row_begin, n_rows, payload);
}

/// Row 4i + r lies in bits 6-2r, 7-2r of the i-th run of `cols` bytes.
void unpack_i2_s_row4(const uint8_t* payload, const MatrixShape& shape, uint64_t row_begin,
                      uint64_t n_rows, uint8_t* codes) noexcept {
  const uint64_t cols = shape.cols;
  for (uint64_t row = row_begin; row < row_begin + n_rows; row++, codes += cols) {
    unpack_field(payload + row / 4 * cols, static_cast<unsigned>(6 - 2 * (row % 4)), cols, codes);
  }
}

void pack_i2_s_row4(const uint8_t* codes, const MatrixShape& shape, uint64_t row_begin,
                    uint64_t n_rows, uint8_t* payload) noexcept {
  const uint64_t cols = shape.cols;
  payload += row_begin / 4 * cols;
  for (uint64_t i = 0; i < n_rows; i += 4, codes += 4 * cols, payload += cols) {
    pack_fields(codes, codes + cols, codes + 2 * cols, codes + 3 * cols, cols, payload);
  }
}

}  // namespace bitnet
