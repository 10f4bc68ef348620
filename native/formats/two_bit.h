#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace bitnet {

// Eight bytes at a time in ordinary 64-bit words: fast as it stands, and compilers turn the loops
// into full vectors on every target.

inline uint64_t load_u64(const uint8_t* p) noexcept {
  uint64_t word;
  std::memcpy(&word, p, 8);
  return word;
}

inline void store_u64(uint8_t* p, uint64_t word) noexcept { std::memcpy(p, &word, 8); }

/// Bits [shift, shift + 2) of each byte of src [n] -> codes [n].
inline void unpack_field(const uint8_t* src, unsigned shift, size_t n, uint8_t* codes) noexcept {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    store_u64(codes + i, (load_u64(src + i) >> shift) & 0x0303030303030303u);
  }
  for (; i < n; i++) codes[i] = (src[i] >> shift) & 3;
}

/// Codes [n] each, at most 3 -> bytes [n]; c6 lands in the highest two bits, c0 in the lowest.
inline void pack_fields(const uint8_t* c6, const uint8_t* c4, const uint8_t* c2, const uint8_t* c0,
                        size_t n, uint8_t* bytes) noexcept {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    store_u64(bytes + i, load_u64(c6 + i) << 6 | load_u64(c4 + i) << 4 | load_u64(c2 + i) << 2 |
                             load_u64(c0 + i));
  }
  for (; i < n; i++) bytes[i] = static_cast<uint8_t>(c6[i] << 6 | c4[i] << 4 | c2[i] << 2 | c0[i]);
}

/// bytes [n] |= codes [n] << shift; those bits were zero.
inline void or_field(const uint8_t* codes, unsigned shift, size_t n, uint8_t* bytes) noexcept {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    store_u64(bytes + i, load_u64(bytes + i) | load_u64(codes + i) << shift);
  }
  for (; i < n; i++) bytes[i] = static_cast<uint8_t>(bytes[i] | codes[i] << shift);
}

enum class FirstCode { kLowestBits, kHighestBits };

constexpr unsigned sequential_shift(FirstCode first, unsigned i) {
  return first == FirstCode::kHighestBits ? 6 - 2 * i : 2 * i;
}

constexpr std::array<uint32_t, 256> make_spread_table(FirstCode first) {
  std::array<uint32_t, 256> table{};
  for (unsigned byte = 0; byte < 256; byte++) {
    for (unsigned i = 0; i < 4; i++) {
      table[byte] |= ((byte >> sequential_shift(first, i)) & 3u) << (8 * i);
    }
  }
  return table;
}

/// Four neighbours in one byte.
template <FirstCode kFirst>
struct Sequential {
  static constexpr size_t kElems = 4;
  static constexpr size_t kBytes = 1;
  static constexpr std::array<uint32_t, 256> kSpread = make_spread_table(kFirst);

  static void unpack(const uint8_t* bytes, uint64_t n_bytes, uint8_t* codes) noexcept {
    for (uint64_t i = 0; i < n_bytes; i++) std::memcpy(codes + 4 * i, &kSpread[bytes[i]], 4);
  }

  static void pack(const uint8_t* codes, uint64_t n_bytes, uint8_t* bytes) noexcept {
    for (uint64_t i = 0; i < n_bytes; i++) {
      unsigned byte = 0;
      for (unsigned j = 0; j < 4; j++) {
        byte |= unsigned{codes[4 * i + j]} << sequential_shift(kFirst, j);
      }
      bytes[i] = static_cast<uint8_t>(byte);
    }
  }
};

}  // namespace bitnet
