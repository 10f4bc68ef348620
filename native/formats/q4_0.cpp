// Q4_0 and Q5_0: 32 weights; f16 d, (Q5_0: 32 high bits,) then 16 bytes whose low nibbles belong to
// the first half of the weights; w = (q - 8) * d or (q - 16) * d.

#include <bit>
#include <cfloat>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/half.h"

namespace bitnet {
namespace {

constexpr size_t kElems = 32;
constexpr size_t kHalf = kElems / 2;
constexpr size_t kQ4Bytes = 18;
constexpr size_t kQ5Bytes = 22;
constexpr float kMaxHalf = 65504.0f;

float read_f16(const uint8_t* bytes) noexcept {
  uint16_t bits;
  std::memcpy(&bits, bytes, 2);
  return f16_to_f32(bits);
}

/// The weight of largest magnitude; the first of several.
float extreme(const float* x) noexcept {
  // Magnitudes compare like their bit patterns.
  int32_t largest = 0;
  for (size_t i = 0; i < kElems; i++) {
    const int32_t bits = std::bit_cast<int32_t>(x[i]) & 0x7fffffff;
    largest = bits > largest ? bits : largest;
  }
  const float magnitude = std::bit_cast<float>(largest);
  for (size_t i = 0; i < kElems; i++) {
    if (std::fabs(x[i]) == magnitude) return x[i];
  }
  return 0.0f;
}

/// The extreme weight becomes -8 steps, the one level without a counterpart. Levels come from d
/// before it is rounded, as in the public encoders.
void encode_block(const float* x, uint8_t* block) noexcept {
  float d = extreme(x) / -8.0f;
  d = d < kMaxHalf ? d : kMaxHalf;
  d = d > -kMaxHalf ? d : -kMaxHalf;
  float inverse = d != 0.0f ? 1.0f / d : 0.0f;
  inverse = std::fabs(inverse) <= FLT_MAX ? inverse : 0.0f;
  const uint16_t d_bits = f32_to_f16(d);
  std::memcpy(block, &d_bits, 2);
  uint8_t q[kElems];
  for (size_t i = 0; i < kElems; i++) {
    float level = x[i] * inverse + 8.5f;
    level = level < 15.0f ? level : 15.0f;
    level = level > 0.0f ? level : 0.0f;
    q[i] = static_cast<uint8_t>(static_cast<int>(level));
  }
  for (size_t i = 0; i < kHalf; i++) block[2 + i] = static_cast<uint8_t>(q[i] | q[i + kHalf] << 4);
}

}  // namespace

void decode_q4_0(const uint8_t* blocks, float* x, size_t n) noexcept {
  for (; n >= kElems; n -= kElems, blocks += kQ4Bytes, x += kElems) {
    const float d = read_f16(blocks);
    const uint8_t* q = blocks + 2;
    for (size_t i = 0; i < kHalf; i++) x[i] = static_cast<float>((q[i] & 15) - 8) * d;
    for (size_t i = 0; i < kHalf; i++) x[i + kHalf] = static_cast<float>((q[i] >> 4) - 8) * d;
  }
}

void encode_q4_0(const float* x, uint8_t* blocks, size_t n) noexcept {
  for (; n >= kElems; n -= kElems, blocks += kQ4Bytes, x += kElems) encode_block(x, blocks);
}

void decode_q5_0(const uint8_t* blocks, float* x, size_t n) noexcept {
  for (; n >= kElems; n -= kElems, blocks += kQ5Bytes, x += kElems) {
    const float d = read_f16(blocks);
    uint32_t high;
    std::memcpy(&high, blocks + 2, 4);
    const uint8_t* q = blocks + 6;
    for (size_t i = 0; i < kHalf; i++) {
      const int low_level = (q[i] & 15) | static_cast<int>(high >> i & 1) << 4;
      const int high_level = (q[i] >> 4) | static_cast<int>(high >> (i + kHalf) & 1) << 4;
      x[i] = static_cast<float>(low_level - 16) * d;
      x[i + kHalf] = static_cast<float>(high_level - 16) * d;
    }
  }
}

}  // namespace bitnet
