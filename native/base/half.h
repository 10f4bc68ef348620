#pragma once

#include <bit>
#include <cstdint>

namespace bitnet {

// Conversions between float and the two 16-bit float types, without branches so that compilers
// vectorise loops over them. NaNs keep their sign and upper payload and become quiet, as F16C and
// NEON do. The float additions below are exact or round to nearest even and need no subnormal
// float, so they give the same result whether or not the thread flushes subnormals to zero.
//
// Always inlined: kernel objects are compiled for different CPUs and must share no symbols.

/// condition ? a : b, in a form that compilers do not turn back into a branch.
[[gnu::always_inline]] constexpr uint32_t select_bits(bool condition, uint32_t a,
                                                      uint32_t b) noexcept {
  const uint32_t mask = 0u - static_cast<uint32_t>(condition);
  return (a & mask) | (b & ~mask);
}

/// IEEE binary16 -> float, exact.
[[gnu::always_inline]] constexpr float f16_to_f32(uint16_t half) noexcept {
  const uint32_t sign = (half & 0x8000u) << 16;
  const uint32_t magnitude = (half & 0x7fffu) << 13;  // exponent still biased by 15
  const uint32_t normal = magnitude + (112u << 23);   // 127 - 15
  // Smallest binades: put the fraction below 2^-14, then take the 2^-14 away.
  const uint32_t subnormal =
      std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude + (113u << 23)) - 0x1p-14f);
  const uint32_t quiet = select_bits(magnitude > 0x0f800000u, 0x00400000u, 0u);
  const uint32_t special = magnitude | 0x7f800000u | quiet;
  uint32_t bits = select_bits(magnitude < 0x00800000u, subnormal, normal);
  bits = select_bits(magnitude >= 0x0f800000u, special, bits);
  return std::bit_cast<float>(sign | bits);
}

/// float -> IEEE binary16, round to nearest even; from 65520 on infinity.
[[gnu::always_inline]] constexpr uint16_t f32_to_f16(float value) noexcept {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  // Rounding may carry into the exponent; that is right, up to and including infinity.
  const uint32_t normal = (magnitude - (112u << 23) + 0x0fffu + ((magnitude >> 13) & 1u)) >> 13;
  // Half subnormals count in 2^-24, which is the distance between floats just above 0.5.
  const uint32_t subnormal =
      std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u;
  const uint32_t nan = 0x7e00u | ((magnitude >> 13) & 0x03ffu);
  uint32_t half = select_bits(magnitude < (113u << 23), subnormal, normal);
  half = select_bits(magnitude >= 0x47800000u, 0x7c00u, half);  // 65536 and infinity
  half = select_bits(magnitude > 0x7f800000u, nan, half);
  return static_cast<uint16_t>(sign | half);
}

/// bfloat16 -> float, exact.
[[gnu::always_inline]] constexpr float bf16_to_f32(uint16_t half) noexcept {
  const uint32_t bits = static_cast<uint32_t>(half) << 16;
  const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return std::bit_cast<float>(bits | select_bits(nan, 0x00400000u, 0u));
}

/// float -> bfloat16, round to nearest even.
[[gnu::always_inline]] constexpr uint16_t f32_to_bf16(float value) noexcept {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return static_cast<uint16_t>(select_bits(nan, (bits >> 16) | 0x0040u, rounded));
}

}  // namespace bitnet
