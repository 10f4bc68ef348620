// Q8_0: 32 weights in 34 bytes, f16 d then 32 int8 q; w = q * d.

#include <cfloat>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/half.h"

namespace bitnet {
namespace {

constexpr size_t kElems = 32;
constexpr size_t kBytes = 34;
constexpr float kMaxHalf = 65504.0f;

/// Rounds half away from zero, |x| < 2^31. Adding 0.5 before truncation would be wrong for the
/// float just below 0.5.
inline int32_t round_half_away(float x) noexcept {
  const int32_t whole = static_cast<int32_t>(x);
  const float rest = x - static_cast<float>(whole);
  return whole + static_cast<int32_t>(rest >= 0.5f) - static_cast<int32_t>(rest <= -0.5f);
}

void encode_block(const float* x, uint8_t* block) noexcept {
  float max_abs = 0.0f;
  for (size_t i = 0; i < kElems; i++) {
    const float magnitude = std::fabs(x[i]);
    max_abs = magnitude > max_abs ? magnitude : max_abs;
  }
  // Codes come from the scale before it is rounded to f16, by its reciprocal: so do the public
  // encoders, and files of equal bytes are easier to compare.
  float d = max_abs / 127.0f;
  d = d < kMaxHalf ? d : kMaxHalf;
  float inverse = d > 0.0f ? 1.0f / d : 0.0f;
  inverse = inverse <= FLT_MAX ? inverse : 0.0f;
  const uint16_t d_bits = f32_to_f16(d);
  std::memcpy(block, &d_bits, 2);
  for (size_t i = 0; i < kElems; i++) {
    float t = x[i] * inverse;
    t = t < 127.0f ? t : 127.0f;
    t = t > -127.0f ? t : -127.0f;
    block[2 + i] = static_cast<uint8_t>(round_half_away(t));
  }
}

}  // namespace

void decode_q8_0(const uint8_t* blocks, float* x, size_t n) noexcept {
  for (; n >= kElems; n -= kElems, blocks += kBytes, x += kElems) {
    uint16_t d_bits;
    std::memcpy(&d_bits, blocks, 2);
    const float d = f16_to_f32(d_bits);
    for (size_t i = 0; i < kElems; i++) {
      x[i] = static_cast<float>(static_cast<int8_t>(blocks[2 + i])) * d;
    }
  }
}

void encode_q8_0(const float* x, uint8_t* blocks, size_t n) noexcept {
  for (; n >= kElems; n -= kElems, blocks += kBytes, x += kElems) encode_block(x, blocks);
}

}  // namespace bitnet
