// Q4_0, Q5_0 and Q4_K against the formulas of the specification (formats.md 1.7), written out, and
// against the public `gguf` Python package 0.19.0.

#include <algorithm>
#include <cmath>
#include <string>

#include "base/half.h"
#include "selftest/formats_support.h"
#include "selftest/sha256.h"

namespace bitnet::selftest {
namespace {

constexpr size_t kBlocks = 100;

/// Random blocks whose f16 numbers, with their high bytes at `high_bytes`, are finite.
Bytes random_blocks(const Format& f, uint32_t seed, const std::vector<size_t>& high_bytes) {
  Random random(seed);
  Bytes blocks(f.block_bytes * kBlocks);
  for (uint8_t& b : blocks) b = random.byte();
  for (size_t i = 0; i < kBlocks; i++) {
    for (const size_t at : high_bytes) blocks[i * f.block_bytes + at] &= 0x7b;
  }
  return blocks;
}

float half_at(const uint8_t* bytes) {
  return f16_to_f32(static_cast<uint16_t>(bytes[0] | bytes[1] << 8));
}

float q4_0_weight(const uint8_t* block, size_t i) {
  const int q = i < 16 ? block[2 + i] & 15 : block[2 + i - 16] >> 4;
  return static_cast<float>(q - 8) * half_at(block);
}

float q5_0_weight(const uint8_t* block, size_t i) {
  const int nibble = i < 16 ? block[6 + i] & 15 : block[6 + i - 16] >> 4;
  const int high = block[2 + i / 8] >> (i % 8) & 1;
  return static_cast<float>((nibble | high << 4) - 16) * half_at(block);
}

float q4_k_weight(const uint8_t* block, size_t i) {
  const uint8_t* b = block + 4;
  const size_t j = i / 32;
  const int scale = j < 4 ? b[j] & 63 : (b[j + 4] & 15) | (b[j - 4] >> 6) << 4;
  const int minimum = j < 4 ? b[j + 4] & 63 : b[j + 4] >> 4 | (b[j] >> 6) << 4;
  const uint8_t byte = block[16 + i / 64 * 32 + i % 32];
  const int q = j % 2 == 0 ? byte & 15 : byte >> 4;
  const double w = static_cast<double>(half_at(block)) * scale * q -
                   static_cast<double>(half_at(block + 2)) * minimum;
  return static_cast<float>(w);
}

BITNET_TEST(formats_q4_decode) {
  struct Case {
    const char* name;
    uint32_t seed;
    std::vector<size_t> high_bytes;
    float (*weight)(const uint8_t* block, size_t i);
    const char* hash;  // of the floats that the Python package decodes
  };
  const Case cases[] = {
      {"q4_0",
       51,
       {1},
       q4_0_weight,
       "0cf172db2126994a001ac6f534eb06f74d7bc08997544c0d4171d62908e28853"},
      {"q5_0",
       52,
       {1},
       q5_0_weight,
       "61fc9a47e0e7d923819f74f2c29bacd9ce97d038c45fbf9059ea7ee31ce67092"},
      {"q4_k",
       53,
       {1, 3},
       q4_k_weight,
       "a8bf811ad259a442a6e7192df99efbedc55f09dad25df4f5cd4338150dae1639"},
  };
  for (const Case& c : cases) {
    const Format& f = format(c.name);
    const Bytes blocks = random_blocks(f, c.seed, c.high_bytes);
    const Floats x = decode(f, blocks);
    for (size_t i = 0; i < x.size(); i++) {
      const uint8_t* block = blocks.data() + i / f.block_elems * f.block_bytes;
      CHECK_EQ(x[i], c.weight(block, i % f.block_elems));
    }
    CHECK_EQ(sha256(as_bytes(x)), c.hash);
  }
  CHECK(format("q5_0").encode == nullptr);
  CHECK(format("q4_k").encode == nullptr);
}

BITNET_TEST(formats_q4_0_encode) {
  const Format& q4_0 = format("q4_0");
  CHECK_EQ(sha256(encode(q4_0, random_floats(32 * 1000, 54))),
           "b61a6140a88a65a5d0461a55f7001ff9bf3caf4ea6cb68d17524c33fc7fbcbcf");
  for (const float scale : {1.0f, 3e-3f, 1e-5f, 1e4f}) {
    Floats x = random_floats(32 * 300, 55);
    for (float& v : x) v *= scale;
    const Floats y = decode(q4_0, encode(q4_0, x));
    for (size_t i = 0; i < x.size(); i++) {
      const float* block = x.data() + i / 32 * 32;
      float largest = 0.0f;
      for (size_t j = 0; j < 32; j++) largest = std::max(largest, std::fabs(block[j]));
      // Half a step, but a whole one at the end that -8 does not mirror; and d is an f16 number.
      CHECK(std::fabs(x[i] - y[i]) <= largest / 8.0f * 1.01f + 0x1p-21f);
    }
  }
}

BITNET_TEST(formats_q4_0_extremes) {
  const Format& q4_0 = format("q4_0");
  CHECK(decode(q4_0, encode(q4_0, Floats(64, 0.0f))) == Floats(64, 0.0f));
  CHECK(decode(q4_0, encode(q4_0, Floats(32, 1e-44f))) == Floats(32, 0.0f));  // 1 / d: infinite
  Floats x(32, 0.0f);
  x[3] = 2.0f;
  x[4] = -2.0f;  // the first of two extremes becomes -8 steps, the other one 7
  const Floats y = decode(q4_0, encode(q4_0, x));
  CHECK_EQ(y[3], 2.0f);
  CHECK_EQ(y[4], -1.75f);
  CHECK_EQ(y[0], 0.0f);
  CHECK_EQ(decode(q4_0, encode(q4_0, Floats(32, 1e30f)))[0], 65504.0f * 8.0f);
  CHECK_EQ(decode(q4_0, encode(q4_0, Floats(32, -1e30f)))[0], -65504.0f * 8.0f);
}

}  // namespace
}  // namespace bitnet::selftest
