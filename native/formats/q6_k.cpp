// Q6_K: 256 weights in 210 bytes: 128 bytes low nibbles, 64 bytes high bit pairs, 16 int8 scales
// (one per 16 weights), f16 d; w = (q - 32) * d * scale with q in 0..63.

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/half.h"

namespace bitnet {
namespace {

constexpr size_t kElems = 256;
constexpr size_t kGroup = 16;
constexpr size_t kGroups = kElems / kGroup;
constexpr size_t kLowBytes = 128;
constexpr size_t kHighBytes = 64;
constexpr size_t kBytes = kLowBytes + kHighBytes + kGroups + 2;

constexpr float kMinLevel = -32.0f;
constexpr float kMaxLevel = 31.0f;

// The search for scales. kTopScale and kMaxReach have the least RMSE of the values tried on
// Gaussian, uniform and Student weights; from 8 to 16 candidates it falls by another 2 %.
constexpr float kLargestScale = 127.0f;
constexpr float kTopScale = 112.0f;  // of the largest group: room for candidates above it
constexpr float kMaxReach = 32.5f;   // steps from 0 to the largest weight at most
constexpr size_t kCandidates = 12;

/// Nearest integer, half to even, as a float; |t| < 2^22: floats from 2^23 to
/// 2^24 are the integers.
inline float round_half_even(float t) noexcept {
  constexpr float kRounder = 12582912.0f;
  return (t + kRounder) - kRounder;
}

/// min(n, 31) for an integer n, |n| < 2^22; exact. Written without a comparison, which would keep
/// g++ from vectorising the search.
inline float clamp_high(float n) noexcept {
  return 0.5f * ((n + kMaxLevel) - std::fabs(n - kMaxLevel));
}

/// Level in [-32, 31] nearest to any t; NaN gives 31.
inline float nearest_level(float t) noexcept {
  t = t < kMaxLevel ? t : kMaxLevel;
  t = t > kMinLevel ? t : kMinLevel;
  return round_half_even(t);
}

struct GroupRange {
  float max_abs;
  bool max_is_positive;
};

/// Floats of one sign compare like their bit patterns, and those comparisons vectorise.
inline GroupRange group_range(const float* x) noexcept {
  int32_t largest = 0;
  int32_t magnitude = 0;
  for (size_t i = 0; i < kGroup; i++) {
    const int32_t bits = std::bit_cast<int32_t>(x[i]);
    const int32_t abs_bits = bits & 0x7fffffff;
    largest = bits > largest ? bits : largest;
    magnitude = abs_bits > magnitude ? abs_bits : magnitude;
  }
  return {std::bit_cast<float>(magnitude), largest == magnitude};
}

/// f16 bits of a d > 0 with which kLargestScale * 32 steps reach max_abs.
inline uint16_t choose_d(float max_abs) noexcept {
  constexpr uint16_t kMaxHalfBits = 0x7bff;
  const float ideal = max_abs / (kTopScale * -kMinLevel);
  uint16_t bits = f32_to_f16(ideal);
  // A subnormal d is coarse; rounding it down could leave the largest weight out of reach.
  bits = static_cast<uint16_t>(bits + (f16_to_f32(bits) < ideal ? 1 : 0));
  return bits < kMaxHalfBits ? bits : kMaxHalfBits;
}

/// Scale of one group [16], given the block's d > 0: the one of a dozen neighbouring integers that
/// leaves the least squared error.
inline int search_scale(const float* x, const GroupRange& range, float d) noexcept {
  // The levels reach one further down than up, so the largest weight is laid on the low side.
  const float signed_d = range.max_is_positive ? -d : d;
  const float reach = range.max_abs / (kMaxReach * d);
  const int first = 1 + static_cast<int>(reach < kLargestScale ? reach : kLargestScale);
  float scale[kCandidates];
  float inverse[kCandidates];
  float error[kCandidates];
  for (size_t c = 0; c < kCandidates; c++) {
    const float next = static_cast<float>(first + static_cast<int>(c));
    scale[c] = next < kLargestScale ? next : kLargestScale;
    inverse[c] = 1.0f / (scale[c] * signed_d);
    error[c] = 0.0f;
  }
  for (size_t i = 0; i < kGroup; i++) {
    for (size_t c = 0; c < kCandidates; c++) {
      const float t = x[i] * inverse[c];
      const float rest = t - clamp_high(round_half_even(t));
      error[c] += rest * rest;
    }
  }
  float best = 0.0f;
  float best_error = INFINITY;
  for (size_t c = 0; c < kCandidates; c++) {
    const float scaled_error = error[c] * (scale[c] * scale[c]);
    best = scaled_error < best_error ? scale[c] : best;
    best_error = scaled_error < best_error ? scaled_error : best_error;
  }
  return static_cast<int>(range.max_is_positive ? -best : best);
}

/// d and then each group's scale are fixed in the precision in which they are stored, so that the
/// search sees the true error: the public encoder finds the best float scale and loses much of
/// the gain when it rounds that to a multiple of d.
void encode_block(const float* x, uint8_t* block) noexcept {
  uint8_t* low = block;
  uint8_t* high = block + kLowBytes;
  uint8_t* scales = high + kHighBytes;

  GroupRange ranges[kGroups];
  float max_abs = 0.0f;
  for (size_t g = 0; g < kGroups; g++) {
    ranges[g] = group_range(x + g * kGroup);
    max_abs = ranges[g].max_abs > max_abs ? ranges[g].max_abs : max_abs;
  }
  const uint16_t d_bits = choose_d(max_abs);
  const float d = f16_to_f32(d_bits);
  std::memcpy(scales + kGroups, &d_bits, 2);
  uint8_t q[kElems];
  for (size_t g = 0; g < kGroups; g++) {
    const int scale = max_abs > 0.0f ? search_scale(x + g * kGroup, ranges[g], d) : 0;
    const float inverse = scale != 0 ? 1.0f / (static_cast<float>(scale) * d) : 0.0f;
    scales[g] = static_cast<uint8_t>(scale);
    for (size_t i = 0; i < kGroup; i++) {
      const float level = nearest_level(x[g * kGroup + i] * inverse);
      q[g * kGroup + i] = static_cast<uint8_t>(static_cast<int>(level) + 32);
    }
  }
  for (size_t half = 0; half < 2; half++) {
    const uint8_t* h = q + half * 128;
    for (size_t i = 0; i < 32; i++) {
      low[half * 64 + i] = static_cast<uint8_t>((h[i] & 15) | (h[i + 64] & 15) << 4);
      low[half * 64 + i + 32] = static_cast<uint8_t>((h[i + 32] & 15) | (h[i + 96] & 15) << 4);
      high[half * 32 + i] = static_cast<uint8_t>(h[i] >> 4 | h[i + 32] >> 4 << 2 |
                                                 h[i + 64] >> 4 << 4 | h[i + 96] >> 4 << 6);
    }
  }
}

}  // namespace

void decode_q6_k(const uint8_t* blocks, float* x, size_t n) noexcept {
  for (; n >= kElems; n -= kElems, blocks += kBytes, x += kElems) {
    const uint8_t* low = blocks;
    const uint8_t* high = blocks + kLowBytes;
    const uint8_t* scales = high + kHighBytes;
    uint16_t d_bits;
    std::memcpy(&d_bits, scales + kGroups, 2);
    const float d = f16_to_f32(d_bits);
    uint8_t q[kElems];
    for (size_t half = 0; half < 2; half++) {
      uint8_t* h = q + half * 128;
      const uint8_t* l = low + half * 64;
      const uint8_t* u = high + half * 32;
      for (size_t i = 0; i < 32; i++) {
        h[i] = static_cast<uint8_t>((l[i] & 15) | (u[i] & 3) << 4);
        h[i + 32] = static_cast<uint8_t>((l[i + 32] & 15) | (u[i] >> 2 & 3) << 4);
        h[i + 64] = static_cast<uint8_t>(l[i] >> 4 | (u[i] >> 4 & 3) << 4);
        h[i + 96] = static_cast<uint8_t>(l[i + 32] >> 4 | u[i] >> 6 << 4);
      }
    }
    for (size_t g = 0; g < kGroups; g++) {
      const float step = d * static_cast<float>(static_cast<int8_t>(scales[g]));  // exact
      for (size_t i = 0; i < kGroup; i++) {
        x[g * kGroup + i] = static_cast<float>(static_cast<int>(q[g * kGroup + i]) - 32) * step;
      }
    }
  }
}

void encode_q6_k(const float* x, uint8_t* blocks, size_t n) noexcept {
  for (; n >= kElems; n -= kElems, blocks += kBytes, x += kElems) encode_block(x, blocks);
}

}  // namespace bitnet
