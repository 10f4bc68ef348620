// TQ2_0 and Q2_0: two bits a weight and an f16 scale for 256 (TQ2_0), 64 or 128 (Q2_0) weights.
// Code 3 means +2 in Q2_0; files with ternary weights do not have it.

#include <cstddef>
#include <cstdint>

#include "formats/blocks.h"
#include "formats/two_bit.h"

namespace bitnet {
namespace {

/// Byte j of each half holds the weights j, j + 32, j + 64 and j + 96, the first in the lowest
/// bits.
struct Tq2 {
  static constexpr size_t kElems = 256;
  static constexpr size_t kBytes = 66;
  static constexpr size_t kRowHeader = 0;
  static constexpr size_t kHalfElems = 128;
  static constexpr size_t kHalfBytes = 32;

  static void unpack(const uint8_t* block, uint8_t* codes) noexcept {
    for (size_t half = 0; half < 2; half++, block += kHalfBytes) {
      for (unsigned field = 0; field < 4; field++, codes += kHalfBytes) {
        unpack_field(block, 2 * field, kHalfBytes, codes);
      }
    }
  }

  static void pack(const uint8_t* codes, uint8_t* block) noexcept {
    for (size_t half = 0; half < 2; half++, block += kHalfBytes, codes += kHalfElems) {
      pack_fields(codes + 96, codes + 64, codes + 32, codes, kHalfBytes, block);
    }
  }
};

/// Four neighbours in one byte, the first in the lowest bits.
template <size_t kBlockElems, size_t kCodesOffset>
struct Q2 {
  static constexpr size_t kElems = kBlockElems;
  static constexpr size_t kBytes = kBlockElems / 4 + 2;
  static constexpr size_t kRowHeader = 0;
  using Codes = Sequential<FirstCode::kLowestBits>;

  static void unpack(const uint8_t* block, uint8_t* codes) noexcept {
    Codes::unpack(block + kCodesOffset, kElems / 4, codes);
  }

  static void pack(const uint8_t* codes, uint8_t* block) noexcept {
    Codes::pack(codes, kElems / 4, block + kCodesOffset);
  }
};

using Q2Group64 = Q2<64, 2>;
using Q2Group128 = Q2<128, 2>;
using Q2Group128ScaleLast = Q2<128, 0>;

}  // namespace

void unpack_tq2_0(const uint8_t* payload, const MatrixShape& shape, uint64_t row_begin,
                  uint64_t n_rows, uint8_t* codes) noexcept {
  unpack_blocks<Tq2>(payload, shape, row_begin, n_rows, codes);
}

void pack_tq2_0(const uint8_t* codes, const MatrixShape& shape, uint64_t row_begin, uint64_t n_rows,
                uint8_t* payload) noexcept {
  pack_blocks<Tq2>(codes, shape, row_begin, n_rows, payload);
}

void unpack_q2_0(const uint8_t* payload, const MatrixShape& shape, uint64_t row_begin,
                 uint64_t n_rows, uint8_t* codes) noexcept {
  unpack_blocks<Q2Group64>(payload, shape, row_begin, n_rows, codes);
}

void pack_q2_0(const uint8_t* codes, const MatrixShape& shape, uint64_t row_begin, uint64_t n_rows,
               uint8_t* payload) noexcept {
  pack_blocks<Q2Group64>(codes, shape, row_begin, n_rows, payload);
}

void unpack_q2_0_g128(const uint8_t* payload, const MatrixShape& shape, uint64_t row_begin,
                      uint64_t n_rows, uint8_t* codes) noexcept {
  unpack_blocks<Q2Group128>(payload, shape, row_begin, n_rows, codes);
}

void pack_q2_0_g128(const uint8_t* codes, const MatrixShape& shape, uint64_t row_begin,
                    uint64_t n_rows, uint8_t* payload) noexcept {
  pack_blocks<Q2Group128>(codes, shape, row_begin, n_rows, payload);
}

void unpack_q2_0_g128_d_last(const uint8_t* payload, const MatrixShape& shape, uint64_t row_begin,
                             uint64_t n_rows, uint8_t* codes) noexcept {
  unpack_blocks<Q2Group128ScaleLast>(payload, shape, row_begin, n_rows, codes);
}

void pack_q2_0_g128_d_last(const uint8_t* codes, const MatrixShape& shape, uint64_t row_begin,
                           uint64_t n_rows, uint8_t* payload) noexcept {
  pack_blocks<Q2Group128ScaleLast>(codes, shape, row_begin, n_rows, payload);
}

}  // namespace bitnet
