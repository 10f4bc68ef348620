// F32, F16 and BF16: blocks of one weight.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/half.h"

namespace bitnet {
namespace {

// The files promise no alignment; a 2-byte memcpy is a plain load or store.

template <float (*kToFloat)(uint16_t) noexcept>
void decode_16bit(const uint8_t* blocks, float* x, size_t n) noexcept {
  for (size_t i = 0; i < n; i++) {
    uint16_t bits;
    std::memcpy(&bits, blocks + 2 * i, 2);
    x[i] = kToFloat(bits);
  }
}

template <uint16_t (*kFromFloat)(float) noexcept>
void encode_16bit(const float* x, uint8_t* blocks, size_t n) noexcept {
  for (size_t i = 0; i < n; i++) {
    const uint16_t bits = kFromFloat(x[i]);
    std::memcpy(blocks + 2 * i, &bits, 2);
  }
}

}  // namespace

void decode_f32(const uint8_t* blocks, float* x, size_t n) noexcept {
  std::memcpy(x, blocks, n * sizeof(float));
}

void encode_f32(const float* x, uint8_t* blocks, size_t n) noexcept {
  std::memcpy(blocks, x, n * sizeof(float));
}

void decode_f16(const uint8_t* blocks, float* x, size_t n) noexcept {
  decode_16bit<f16_to_f32>(blocks, x, n);
}

void encode_f16(const float* x, uint8_t* blocks, size_t n) noexcept {
  encode_16bit<f32_to_f16>(x, blocks, n);
}

void decode_bf16(const uint8_t* blocks, float* x, size_t n) noexcept {
  decode_16bit<bf16_to_f32>(blocks, x, n);
}

void encode_bf16(const float* x, uint8_t* blocks, size_t n) noexcept {
  encode_16bit<f32_to_bf16>(x, blocks, n);
}

}  // namespace bitnet
