#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "formats/format.h"

namespace bitnet {

// What TL1 and TL2 share. Both store ternary pairs and (TL2) triples as four-bit indices into the
// lookup tables of the kernels they were made for, in the order in which those kernels read.

const char* tl1_misfit(const MatrixShape& shape) noexcept;
const char* tl2_misfit(const MatrixShape& shape) noexcept;
/// Precondition: tl2_misfit is null.
uint64_t tl2_payload_bytes(const MatrixShape& shape) noexcept;

/// Rows whose bytes lie side by side.
inline constexpr uint64_t kTl1Strip = 16;
inline constexpr uint64_t kTl2Strip = 32;

/// Byte of two pair indices 3a + b -> codes of four neighbours, the first in the lowest byte.
constexpr std::array<uint32_t, 256> make_pair_table() {
  constexpr unsigned kPairs = 9;
  std::array<uint32_t, 256> table{};
  for (unsigned byte = 0; byte < 256; byte++) {
    const unsigned indices[2] = {byte >> 4, byte & 15};
    for (unsigned i = 0; i < 2; i++) {
      const unsigned index = indices[i];
      const uint32_t pair = index < kPairs ? index / 3 | index % 3 << 8 : 0x0303u;
      table[byte] |= pair << (16 * i);
    }
  }
  return table;
}
inline constexpr std::array<uint32_t, 256> kPairTable = make_pair_table();

/// Codes of four neighbours -> byte of two pair indices.
inline uint8_t pair_byte(const uint8_t* codes) noexcept {
  uint32_t word;
  std::memcpy(&word, codes, 4);
  // The top byte of the product is 48 c0 + 16 c1 + 3 c2 + c3; nothing carries into it.
  return static_cast<uint8_t>((word * 0x30100301u) >> 24);
}

}  // namespace bitnet
