// Float formats, against formulas written out slowly and against the figures of other encoders.

#include <algorithm>
#include <cmath>
#include <string>

#include "base/half.h"
#include "selftest/formats_support.h"
#include "selftest/sha256.h"

namespace bitnet::selftest {
namespace {

double rmse(const Floats& a, const Floats& b) {
  double sum = 0.0;
  for (size_t i = 0; i < a.size(); i++) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += d * d;
  }
  return std::sqrt(sum / static_cast<double>(a.size()));
}
BITNET_TEST(formats_16bit_rows) {
  // Every value, from an odd address.
  for (const char* name : {"f16", "bf16"}) {
    const bool half = std::string(name) == "f16";
    Bytes bytes(2 * 0x10000 + 1);
    for (unsigned i = 0; i < 0x10000; i++) {
      bytes[2 * i + 1] = static_cast<uint8_t>(i);
      bytes[2 * i + 2] = static_cast<uint8_t>(i >> 8);
    }
    Floats x(0x10000);
    format(name).decode(bytes.data() + 1, x.data(), x.size());
    for (unsigned i = 0; i < 0x10000; i++) {
      const auto bits = static_cast<uint16_t>(i);
      CHECK(same_bits(x[i], half ? f16_to_f32(bits) : bf16_to_f32(bits)));
    }
    Bytes back(bytes.size());
    format(name).encode(x.data(), back.data() + 1, x.size());
    for (unsigned i = 0; i < 0x10000; i++) {
      const uint16_t expected = half ? f32_to_f16(x[i]) : f32_to_bf16(x[i]);
      CHECK_EQ(back[2 * i + 1] | back[2 * i + 2] << 8, static_cast<int>(expected));
    }
  }
}

BITNET_TEST(formats_f32_is_a_copy) {
  const Floats x = random_floats(37, 6);
  CHECK(encode(format("f32"), x) == as_bytes(x));
  CHECK(decode(format("f32"), as_bytes(x)) == x);
}

BITNET_TEST(formats_q8_0_decode) {
  Random random(11);
  Bytes blocks(34 * 50);
  for (uint8_t& b : blocks) b = random.byte();
  for (size_t i = 0; i < 50; i++) blocks[34 * i + 1] &= 0x7b;  // finite d
  const Floats x = decode(format("q8_0"), blocks);
  for (size_t i = 0; i < x.size(); i++) {
    const uint8_t* block = blocks.data() + i / 32 * 34;
    const float d = f16_to_f32(static_cast<uint16_t>(block[0] | block[1] << 8));
    CHECK_EQ(x[i], static_cast<float>(static_cast<int8_t>(block[2 + i % 32])) * d);
  }
}

/// Q8_0 as the public encoders do it.
Bytes encode_q8_0_slowly(const Floats& x) {
  Bytes bytes;
  for (size_t i = 0; i < x.size(); i += 32) {
    float max_abs = 0.0f;
    for (size_t j = 0; j < 32; j++) max_abs = std::max(max_abs, std::fabs(x[i + j]));
    const float d = max_abs / 127.0f;
    const float inverse = d > 0.0f ? 1.0f / d : 0.0f;
    const uint16_t d_bits = f32_to_f16(d);
    bytes.push_back(static_cast<uint8_t>(d_bits));
    bytes.push_back(static_cast<uint8_t>(d_bits >> 8));
    for (size_t j = 0; j < 32; j++) {
      bytes.push_back(static_cast<uint8_t>(static_cast<int>(std::roundf(x[i + j] * inverse))));
    }
  }
  return bytes;
}

BITNET_TEST(formats_q8_0_encode) {
  for (const float scale : {1.0f, 3e-3f, 1e-7f, 1e5f}) {
    Floats x = random_floats(32 * 300, 12);
    for (float& v : x) v *= scale;
    CHECK(encode(format("q8_0"), x) == encode_q8_0_slowly(x));
  }
  // Ties away from zero, and the float below a tie: here d is 1.
  Floats ties(32, 0.0f);
  ties[0] = 127.0f;
  ties[1] = 0.5f;
  ties[2] = -0.5f;
  ties[3] = 2.5f;
  ties[4] = 0.49999997f;
  ties[5] = -126.5f;
  const Bytes block = encode(format("q8_0"), ties);
  const Bytes expected = {0, 0x3c, 127, 1, 255, 3, 0, 129, 0};
  CHECK(std::equal(expected.begin(), expected.end(), block.begin()));

  CHECK(encode(format("q8_0"), Floats(64, 0.0f)) == Bytes(68, 0));
  CHECK(encode(format("q8_0"), Floats(32, 1e-42f)) == Bytes(34, 0));  // 1 / d would be infinite
  const Floats huge = decode(format("q8_0"), encode(format("q8_0"), Floats(32, 1e30f)));
  CHECK_EQ(huge[0], 65504.0f * 127.0f);
}

/// Weight i of a Q6_K block by the element map of the specification, section 1.7.
float q6_k_weight(const uint8_t* block, size_t i) {
  const size_t half = i / 128;
  const size_t part = i % 128 / 32;
  const size_t l = i % 32;
  const unsigned low_byte = block[64 * half + l + (part & 1) * 32];
  const unsigned low = part < 2 ? low_byte & 15 : low_byte >> 4;
  const unsigned high = block[128 + 32 * half + l] >> (2 * part) & 3;
  const auto scale = static_cast<int8_t>(block[192 + 8 * half + l / 16 + 2 * part]);
  const float d = f16_to_f32(static_cast<uint16_t>(block[208] | block[209] << 8));
  const double q = static_cast<double>(low | high << 4) - 32.0;
  return static_cast<float>(q * static_cast<double>(d) * static_cast<double>(scale));
}

BITNET_TEST(formats_q6_k_decode) {
  Random random(13);
  Bytes blocks(210 * 40);
  for (uint8_t& b : blocks) b = random.byte();
  for (size_t i = 0; i < 40; i++) blocks[210 * i + 209] &= 0x7b;
  const Floats x = decode(format("q6_k"), blocks);
  for (size_t i = 0; i < x.size(); i++) {
    CHECK_EQ(x[i], q6_k_weight(blocks.data() + i / 256 * 210, i % 256));
  }
}

Floats gaussian_weights() {
  Random random(21);
  Floats x(256 * 1000);
  for (float& v : x) v = random.normal();
  return x;
}

/// Rows of very different norms, and one weight in 300 eight times as large.
Floats embedding_weights() {
  Random random(22);
  Floats x(2560 * 100);
  float row_scale = 0.0f;
  for (size_t i = 0; i < x.size(); i++) {
    if (i % 2560 == 0) {
      const auto power = static_cast<float>(random.bits16() % 64) / 16.0f;
      row_scale = 0.004f * power * power;
    }
    const float outlier = random.bits16() % 300 == 0 ? 8.0f : 1.0f;
    x[i] = random.normal() * row_scale * outlier;
  }
  return x;
}

BITNET_TEST(formats_q6_k_rmse) {
  struct Case {
    const char* name;
    Floats x;
    double ggml_rmse;
  };
  // RMSE of ggml's quantize_row_q6_K_ref (ggml commit d99724f2, August 2026, gcc 12 -O3) on the
  // same weights, measured by linking its ggml-quants.c with these generators.
  const Case cases[] = {
      {"gaussian", gaussian_weights(), 0.017755},
      {"uniform", random_floats(256 * 1000, 23), 0.00764106},
      {"embedding", embedding_weights(), 0.000626126},
  };
  for (const Case& c : cases) {
    const double got = rmse(c.x, decode(format("q6_k"), encode(format("q6_k"), c.x)));
    if (got > 0.96 * c.ggml_rmse) {
      record_failure(__FILE__, __LINE__,
                     std::string(c.name) + ": rmse " + value_text(got) + ", ggml's encoder " +
                         value_text(c.ggml_rmse));
    }
  }
}

BITNET_TEST(formats_q6_k_is_the_same_everywhere) {
  CHECK_EQ(sha256(encode(format("q6_k"), random_floats(256 * 200, 24))),
           "4334a97a6dea1336b5ed8ed5b77eeea2770cd1cf0da171ca7ff8cff04ba51f44");
}

BITNET_TEST(formats_q6_k_extremes) {
  const Format& q6_k = format("q6_k");
  const auto round_trip = [&](const Floats& x) { return decode(q6_k, encode(q6_k, x)); };
  CHECK(round_trip(Floats(256, 0.0f)) == Floats(256, 0.0f));

  for (const float v : {1.0f, -1.0f, 1e-3f, 5e-6f, 2e-7f, 1e8f}) {
    // One weight alone, of either sign, comes back within half a step.
    Floats x(256, 0.0f);
    x[100] = v;
    const Floats y = round_trip(x);
    CHECK(std::fabs(y[100] - v) <= std::max(std::fabs(v) / 60.0f, 0x1p-25f));
    CHECK_EQ(y[99], 0.0f);
    CHECK_EQ(y[0], 0.0f);
  }
  CHECK(round_trip(Floats(256, 1e-44f)) == Floats(256, 0.0f));  // d underflows

  // Groups of very different size in one block.
  Floats mixed = random_floats(256, 25);
  for (size_t i = 0; i < 256; i++) mixed[i] *= std::ldexp(1.0f, -static_cast<int>(i / 16));
  const Floats y = round_trip(mixed);
  for (size_t i = 0; i < 256; i++) CHECK(std::fabs(y[i] - mixed[i]) <= 0.02f);

  // Out of range or not a number: any bytes, but finite ones and no crash.
  for (const float v : {1e30f, -1e30f, 3e38f, kInfinity, -kInfinity, kNan}) {
    Floats x = random_floats(256, 26);
    x[17] = v;
    for (const float w : round_trip(x)) CHECK(std::isfinite(w));
  }
  CHECK_EQ(round_trip(Floats(256, -1e30f))[0], -65504.0f * 127.0f * 32.0f);
}

}  // namespace
}  // namespace bitnet::selftest
