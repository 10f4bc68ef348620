#pragma once

#include <cmath>
#include <cstdint>

namespace bitnet::selftest {

/// The generator of the golden files: high bits of a linear congruential sequence.
class Random {
 public:
  explicit Random(uint32_t seed) : state_(seed) {}

  uint32_t bits16() {
    state_ = state_ * 1664525u + 1013904223u;
    return state_ >> 16;
  }
  uint32_t bits32() {
    const uint32_t high = bits16();
    return high << 16 | bits16();
  }
  uint8_t byte() { return static_cast<uint8_t>(bits16()); }
  uint8_t code() { return static_cast<uint8_t>(bits16() % 3); }
  uint32_t below(uint32_t n) { return bits32() % n; }
  /// Uniform in [-1, 1), exact in float.
  float uniform() { return static_cast<float>(static_cast<int32_t>(bits32()) >> 8) * 0x1p-23f; }
  /// Close to a standard normal (a sum of uniforms), the same bits everywhere.
  float bell() {
    float sum = 0.0f;
    for (int i = 0; i < 3; i++) sum += uniform();
    return sum;
  }
  /// Normal, by the polar method; its logarithm may differ in the last bit between C libraries.
  float normal() {
    for (;;) {
      const double u = static_cast<double>(static_cast<int32_t>(bits32())) * 0x1p-31;
      const double v = static_cast<double>(static_cast<int32_t>(bits32())) * 0x1p-31;
      const double s = u * u + v * v;
      if (s > 0.0 && s < 1.0) return static_cast<float>(u * std::sqrt(-2.0 * std::log(s) / s));
    }
  }

 private:
  uint32_t state_;
};

}  // namespace bitnet::selftest
