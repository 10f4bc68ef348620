// IQ2_BN and IQ1_BN of ik_llama.cpp, read only: a scale before every row, then blocks of 64 weights
// with two bits each (16 bytes) or five trits a byte (13 bytes).

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "formats/blocks.h"
#include "formats/two_bit.h"

namespace bitnet {
namespace {

/// Byte j holds the weights j, j + 16, j + 32 and j + 48, the first in the lowest bits.
struct Iq2Bn {
  static constexpr size_t kElems = 64;
  static constexpr size_t kBytes = 16;
  static constexpr size_t kRowHeader = 4;

  static void unpack(const uint8_t* block, uint8_t* codes) noexcept {
    for (unsigned field = 0; field < 4; field++) {
      unpack_field(block, 2 * field, kBytes, codes + field * kBytes);
    }
  }
};

constexpr size_t kTrits = 5;

/// Byte -> its five trits, the least significant digit first, one in each byte of the word.
constexpr std::array<uint64_t, 256> make_trit_table() {
  std::array<uint64_t, 256> table{};
  for (unsigned byte = 0; byte < 256; byte++) {
    unsigned factor = 81;
    for (unsigned i = 0; i < kTrits; i++, factor /= 3) {
      const unsigned v = byte * factor & 255;
      table[byte] |= uint64_t{(v + (v >> 1)) >> 7} << (8 * i);
    }
  }
  return table;
}
constexpr std::array<uint64_t, 256> kTritTable = make_trit_table();

/// Four groups of 16 weights: three bytes hold the first 15 of a group; byte 12 holds the last ones
/// of all four.
struct Iq1Bn {
  static constexpr size_t kElems = 64;
  static constexpr size_t kBytes = 13;
  static constexpr size_t kRowHeader = 2;

  static void unpack(const uint8_t* block, uint8_t* codes) noexcept {
    const uint64_t last = kTritTable[block[12]];
    for (size_t group = 0; group < 4; group++, block += 3, codes += 16) {
      store_u64(codes, kTritTable[block[0]]);
      store_u64(codes + kTrits, kTritTable[block[1]]);
      const uint64_t tail = kTritTable[block[2]] | (last >> (8 * group) & 255) << 40;
      std::memcpy(codes + 2 * kTrits, &tail, 6);
    }
  }
};

}  // namespace

void unpack_iq2_bn(const uint8_t* payload, const MatrixShape& shape, uint64_t row_begin,
                   uint64_t n_rows, uint8_t* codes) noexcept {
  unpack_blocks<Iq2Bn>(payload, shape, row_begin, n_rows, codes);
}

void unpack_iq1_bn(const uint8_t* payload, const MatrixShape& shape, uint64_t row_begin,
                   uint64_t n_rows, uint8_t* codes) noexcept {
  unpack_blocks<Iq1Bn>(payload, shape, row_begin, n_rows, codes);
}

}  // namespace bitnet
