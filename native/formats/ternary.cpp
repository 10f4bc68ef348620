// What concerns ternary weights in any layout: making codes from floats and checking them.

#include <bit>
#include <cmath>

#include "formats/format.h"

namespace bitnet {
namespace {

constexpr int32_t kInfinityBits = 0x7f800000;

inline int32_t magnitude_bits(float x) noexcept { return std::bit_cast<int32_t>(x) & 0x7fffffff; }

}  // namespace

void ternarise(const float* x, size_t n, float scale, uint8_t* codes) noexcept {
  const float inverse = 1.0f / scale;
  for (size_t i = 0; i < n; i++) {
    const float t = x[i] * inverse;
    // Clamped to [-1, 1], rounding half to even is these two comparisons: both ties go to 0.
    codes[i] = static_cast<uint8_t>(1 + static_cast<int>(t > 0.5f) - static_cast<int>(t < -0.5f));
  }
}

bool codes_valid(const uint8_t* codes, size_t n) noexcept {
  uint8_t largest = 0;
  for (size_t i = 0; i < n; i++) largest = codes[i] > largest ? codes[i] : largest;
  return largest <= 2;
}

double abs_sum(const float* x, size_t n) noexcept {
  double sum = 0.0;
  for (size_t i = 0; i < n; i++) sum += std::fabs(static_cast<double>(x[i]));
  return sum;
}

TernaryCheck check_ternary(const float* x, size_t n) noexcept {
  // Magnitudes compare like their bit patterns, NaN above all.
  int32_t largest = 0;
  for (size_t i = 0; i < n; i++) {
    const int32_t bits = magnitude_bits(x[i]);
    largest = bits > largest ? bits : largest;
  }
  int32_t strays = 0;
  for (size_t i = 0; i < n; i++) {
    const int32_t bits = magnitude_bits(x[i]);
    strays |= static_cast<int32_t>(bits != 0) & static_cast<int32_t>(bits != largest);
  }
  return {std::bit_cast<float>(largest), strays == 0 && largest < kInfinityBits};
}

}  // namespace bitnet
