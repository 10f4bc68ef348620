// Q4_K, read only: 256 weights in 144 bytes: f16 d, f16 dmin, 12 bytes with a 6-bit scale and a
// 6-bit minimum for every 32 weights, 128 bytes of nibbles; w = d * scale * q - dmin * minimum.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/half.h"

namespace bitnet {
namespace {

constexpr size_t kElems = 256;
constexpr size_t kGroup = 32;
constexpr size_t kGroups = kElems / kGroup;
constexpr size_t kScaleBytes = 12;
constexpr size_t kBytes = 4 + kScaleBytes + kElems / 2;

struct GroupScale {
  int scale;
  int minimum;
};

/// Groups 4 to 7 have their low four bits in the last bytes and their high two bits above the
/// scales and minima of groups 0 to 3.
GroupScale group_scale(const uint8_t* b, size_t group) noexcept {
  if (group < 4) return {b[group] & 63, b[group + 4] & 63};
  return {(b[group + 4] & 15) | b[group - 4] >> 6 << 4, b[group + 4] >> 4 | b[group] >> 6 << 4};
}

}  // namespace

void decode_q4_k(const uint8_t* blocks, float* x, size_t n) noexcept {
  for (; n >= kElems; n -= kElems, blocks += kBytes) {
    uint16_t bits[2];
    std::memcpy(bits, blocks, 4);
    const float d = f16_to_f32(bits[0]);
    const float d_min = f16_to_f32(bits[1]);
    const uint8_t* q = blocks + 4 + kScaleBytes;
    for (size_t group = 0; group < kGroups; group++, x += kGroup) {
      const GroupScale s = group_scale(blocks + 4, group);
      const float step = d * static_cast<float>(s.scale);  // exact, and so is every product
      const float offset = d_min * static_cast<float>(s.minimum);
      // Two groups share 32 bytes: low nibbles, then high ones.
      const uint8_t* nibbles = q + group / 2 * kGroup;
      const unsigned shift = group % 2 == 0 ? 0 : 4;
      for (size_t i = 0; i < kGroup; i++) {
        x[i] = static_cast<float>(nibbles[i] >> shift & 15) * step - offset;
      }
    }
  }
}

}  // namespace bitnet
