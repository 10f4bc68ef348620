#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bitnet::bench {

/// The same sequence on every machine (Numerical Recipes' LCG): speed must not depend on luck.
class Random {
 public:
  uint32_t next() {
    state_ = state_ * 1664525u + 1013904223u;
    return state_ >> 8;
  }

 private:
  uint32_t state_ = 1;
};

/// Four valid codes (0, 1, 2) a byte.
inline void fill_trits(uint8_t* bytes, size_t n) {
  Random random;
  for (size_t i = 0; i < n; ++i) {
    const uint32_t r = random.next();
    bytes[i] = static_cast<uint8_t>(r % 3 << 6 | r / 3 % 3 << 4 | r / 9 % 3 << 2 | r / 27 % 3);
  }
}

/// int8 activations, -127 to 127.
inline void fill_codes(std::vector<int8_t>& codes) {
  Random random;
  for (auto& code : codes) code = static_cast<int8_t>(static_cast<int>(random.next() % 255) - 127);
}

/// -1 to 1.
inline void fill_floats(std::vector<float>& values) {
  Random random;
  for (auto& value : values) {
    value = static_cast<float>(random.next() % 2001) / 1000.0f - 1.0f;
  }
}

}  // namespace bitnet::bench
