// Number formats, the table of weight formats and what all ternary formats share.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "base/checked_math.h"
#include "base/half.h"
#include "selftest/formats_support.h"
#include "selftest/sha256.h"

namespace bitnet::selftest {
namespace {

/// Value of an IEEE format with `fraction` fraction bits and the smallest normal exponent `least`.
double small_float_value(unsigned bits, unsigned fraction, unsigned exponent_bits, int least) {
  const unsigned exponent = bits >> fraction & ((1u << exponent_bits) - 1);
  const unsigned rest = bits & ((1u << fraction) - 1);
  const double sign = bits >> (fraction + exponent_bits) != 0 ? -1.0 : 1.0;
  if (exponent == (1u << exponent_bits) - 1) {
    return rest != 0 ? std::nan("") : sign * HUGE_VAL;
  }
  const unsigned hidden = exponent == 0 ? 0 : 1u << fraction;
  const int power =
      least - static_cast<int>(fraction) + std::max(0, static_cast<int>(exponent) - 1);
  return sign * std::ldexp(static_cast<double>(hidden + rest), power);
}

/// Rounds to `fraction` fraction bits, exponents from `least`; infinity from `limit` on.
double round_to_small_float(double x, int fraction, int least, double limit) {
  if (std::isnan(x) || x == 0.0) return x;
  if (std::fabs(x) >= limit) return std::copysign(HUGE_VAL, x);
  const double ulp = std::ldexp(1.0, std::max(std::ilogb(x), least) - fraction);
  return std::nearbyint(x / ulp) * ulp;
}

void check_half(float value) {
  const double expected = round_to_small_float(static_cast<double>(value), 10, -14, 65520.0);
  const uint16_t half = f32_to_f16(value);
  const double got = small_float_value(half, 10, 5, -14);
  if (std::isnan(expected)) {
    CHECK(std::isnan(got));
    return;
  }
  CHECK_EQ(got, expected);
  CHECK_EQ(half >> 15, static_cast<int>(std::signbit(value)));
}

void check_bfloat(float value) {
  const double limit = std::ldexp(2.0 - std::ldexp(1.0, -8), 127);
  const double expected = round_to_small_float(static_cast<double>(value), 7, -126, limit);
  const uint16_t half = f32_to_bf16(value);
  const double got = small_float_value(half, 7, 8, -126);
  if (std::isnan(expected)) {
    CHECK(std::isnan(got));
    return;
  }
  CHECK_EQ(got, expected);
  CHECK_EQ(half >> 15, static_cast<int>(std::signbit(value)));
}

// ---- base ------------------------------------------------------------------------------------

static_assert(f16_to_f32(0x3c00) == 1.0f && f32_to_f16(1.0f) == 0x3c00);
static_assert(bf16_to_f32(0x3f80) == 1.0f && f32_to_bf16(1.0f) == 0x3f80);

BITNET_TEST(formats_sha256) {
  const std::string abc = "abc";
  CHECK_EQ(sha256(Bytes(abc.begin(), abc.end())),
           "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK_EQ(sha256({}), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK_EQ(sha256(Bytes(1000, 'a')),
           "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3");
}

BITNET_TEST(formats_checked_math) {
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  CHECK(checked_mul(3, 5) == uint64_t{15});
  CHECK(checked_mul(0, kMax) == uint64_t{0});
  CHECK(checked_mul(kMax, 1) == kMax);
  CHECK(!checked_mul(uint64_t{1} << 32, uint64_t{1} << 32));
  CHECK(checked_add(kMax - 1, 1) == kMax);
  CHECK(!checked_add(kMax, 1));
}

BITNET_TEST(formats_f16_all_values) {
  for (unsigned bits = 0; bits < 0x10000; bits++) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = f16_to_f32(half);
    const double expected = small_float_value(bits, 10, 5, -14);
    if (std::isnan(expected)) {
      CHECK(std::isnan(value));
      CHECK_EQ(f32_to_f16(value), half | 0x0200);  // the same NaN, quiet
      continue;
    }
    CHECK(same_bits(value, static_cast<float>(expected)));
    CHECK_EQ(f32_to_f16(value), half);
    if (std::isinf(value)) continue;
    // The tie to the next value away from zero, and both its neighbours.
    const double next = small_float_value(bits + 1, 10, 5, -14);
    const double reach = std::isinf(next) ? std::copysign(65536.0, next) : next;
    const auto tie = static_cast<float>((expected + reach) / 2);
    check_half(tie);
    check_half(std::nextafterf(tie, kInfinity));
    check_half(std::nextafterf(tie, -kInfinity));
  }
}

BITNET_TEST(formats_f16_any_float) {
  Random random(7);
  for (int i = 0; i < 300000; i++) check_half(std::bit_cast<float>(random.bits32()));
  for (const float v : {65504.0f, 65519.99f, 65520.0f, 65536.0f, 3e38f, kInfinity, -kInfinity, kNan,
                        0x1p-24f, 0x1p-25f, 0x1.000002p-25f, 0x1p-126f, 1e-45f, -0.0f}) {
    check_half(v);
  }
}

BITNET_TEST(formats_bf16_all_values) {
  for (unsigned bits = 0; bits < 0x10000; bits++) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = bf16_to_f32(half);
    if (std::isnan(value)) {
      CHECK_EQ(f32_to_bf16(value), half | 0x0040);
      continue;
    }
    CHECK(same_bits(value, static_cast<float>(small_float_value(bits, 7, 8, -126))));
    CHECK_EQ(f32_to_bf16(value), half);
    if (std::isinf(value)) continue;
    const float tie = std::bit_cast<float>(bits << 16 | 0x8000u);
    check_bfloat(tie);
    check_bfloat(std::nextafterf(tie, kInfinity));
    check_bfloat(std::nextafterf(tie, -kInfinity));
  }
  Random random(8);
  for (int i = 0; i < 300000; i++) check_bfloat(std::bit_cast<float>(random.bits32()));
}

// ---- table -----------------------------------------------------------------------------------

BITNET_TEST(formats_table) {
  CHECK_EQ(all_formats().size(), size_t{24});
  for (const Format* f : all_formats()) {
    CHECK(find_format(f->name) == f);
    CHECK_EQ(f->decode != nullptr, !f->ternary);
    CHECK_EQ(f->unpack != nullptr, f->ternary);
    CHECK(!f->ternary || f->encode == nullptr);
    CHECK(f->ternary || (f->pack == nullptr && f->order == ElementOrder::kRows));
    CHECK(f->tail_bytes == 0 || f->scale_place == ScalePlace::kApart);
  }
  CHECK(find_format("stq1_0") == nullptr);
  CHECK_EQ(format("i2_s").tail_bytes, 32u);
  CHECK_EQ(format("tl1").tail_bytes, 32u);
  CHECK_EQ(format("tl2").tail_bytes, 32u);
  CHECK_EQ(format("hf_packed").tail_bytes, 0u);
  CHECK_EQ(format("tq2_0").tail_bytes, 0u);
}

BITNET_TEST(formats_payload_bytes) {
  const auto bytes = [](const char* name, uint64_t rows, uint64_t cols) {
    return payload_bytes(format(name), rows, cols);
  };
  CHECK_EQ(bytes("f32", 3, 5), 60u);
  CHECK_EQ(bytes("f16", 3, 5), 30u);
  CHECK_EQ(bytes("q8_0", 3, 64), 204u);
  CHECK_EQ(bytes("q8_0", 32, 33), 0u);  // a row must be whole blocks
  CHECK_EQ(bytes("q6_k", 128256, 2560), uint64_t{128256} * 2100);
  CHECK_EQ(bytes("q4_0", 2, 64), 72u);
  CHECK_EQ(bytes("q5_0", 2, 64), 88u);
  CHECK_EQ(bytes("q4_k", 2, 512), 576u);
  CHECK_EQ(bytes("i2_s", 2, 192), 96u);  // 384 weights, though a row is one and a half groups
  CHECK_EQ(bytes("i2_s", 1, 192), 0u);
  CHECK_EQ(bytes("i2_s_group64", 1, 192), 48u);
  CHECK_EQ(bytes("i2_s_row4", 4, 5), 5u);
  CHECK_EQ(bytes("i2_s_row4", 5, 4), 0u);
  CHECK_EQ(bytes("i2_s_seq_lo", 5, 4), 5u);
  CHECK_EQ(bytes("hf_packed", 8, 3), 6u);
  CHECK_EQ(bytes("hf_packed", 6, 4), 0u);
  CHECK_EQ(bytes("tq1_0", 3, 512), 324u);
  CHECK_EQ(bytes("tq1_0", 2, 128), 0u);
  CHECK_EQ(bytes("tq2_0", 3, 512), 396u);
  CHECK_EQ(bytes("q2_0", 3, 192), 162u);
  CHECK_EQ(bytes("q2_0_g128", 3, 256), 204u);
  CHECK_EQ(bytes("q2_0_g128", 2, 192), 0u);
  CHECK_EQ(bytes("ptq1_0", 3, 256), 168u);
  CHECK_EQ(bytes("iq2_bn", 3, 192), uint64_t{3} * (4 + 48));
  CHECK_EQ(bytes("iq1_bn", 3, 192), uint64_t{3} * (2 + 39));
  CHECK_EQ(bytes("iq1_bn", 64, 32), 0u);
  CHECK_EQ(bytes("tl1", 256, 256), 0u);  // tiles are not known
  CHECK_EQ(bytes("tl2", 256, 256), 0u);
  const TileParams tile{32, 96, 32};
  for (const Format* f : all_formats()) {
    CHECK_EQ(payload_bytes(*f, {0, 256, tile}), 0u);
    CHECK_EQ(payload_bytes(*f, {256, 0, tile}), 0u);
    CHECK_EQ(payload_bytes(*f, {uint64_t{1} << 40, uint64_t{1} << 40, tile}), 0u);
    CHECK_EQ(payload_bytes(*f, {uint64_t{1} << 31, uint64_t{1} << 32, tile}), 0u);
    CHECK_EQ(payload_bytes(*f, {~uint64_t{0}, ~uint64_t{0}, tile}), 0u);
  }
  CHECK_EQ(bytes("f32", uint64_t{1} << 30, uint64_t{1} << 31), 0u);
}

BITNET_TEST(formats_misfit) {
  const auto reason = [](const char* name, uint64_t rows, uint64_t cols) {
    const char* text = misfit(format(name), {rows, cols});
    return std::string(text != nullptr ? text : "none");
  };
  CHECK_EQ(reason("q2_0", 3, 192), "none");
  CHECK_EQ(reason("q2_0", 3, 100), "columns must fill whole blocks");
  CHECK_EQ(reason("i2_s", 3, 100), "rows x columns must fill whole blocks");
  CHECK_EQ(reason("i2_s_row4", 3, 100), "rows must be a multiple of 4");
  CHECK_EQ(reason("hf_packed", 3, 100), "rows must be a multiple of 4");
  CHECK_EQ(reason("tl1", 3, 100), "it needs the tile parameters of its converter");
  CHECK_EQ(reason("f16", 0, 100), "it is empty");
  CHECK_EQ(reason("f16", uint64_t{1} << 33, uint64_t{1} << 33), "it is too large");
}

BITNET_TEST(formats_multiples) {
  const MatrixShape shape{96, 192, {96, 96, 32}};
  const auto rows = [&](const char* name) { return row_multiple(format(name), shape); };
  CHECK_EQ(rows("f16"), 1u);
  CHECK_EQ(rows("i2_s"), 2u);
  CHECK_EQ(rows("i2_s_group64"), 1u);
  CHECK_EQ(rows("i2_s_row4"), 4u);
  CHECK_EQ(rows("hf_packed"), 96u);
  CHECK_EQ(rows("tl1"), 96u);
  CHECK_EQ(rows("tl2"), 96u);
  CHECK_EQ(rows("q2_0"), 1u);
  CHECK_EQ(rows("iq1_bn"), 1u);
  CHECK_EQ(weights_per_scale(format("q2_0"), 192), 64u);
  CHECK_EQ(weights_per_scale(format("tq1_0"), 512), 256u);
  CHECK_EQ(weights_per_scale(format("iq1_bn"), 192), 192u);
  CHECK_EQ(weights_per_scale(format("i2_s"), 192), 0u);
  CHECK_EQ(weights_per_scale(format("tl2"), 192), 0u);
}

BITNET_TEST(formats_codes_valid) {
  for (const size_t n : {0u, 1u, 15u, 16u, 17u, 100u}) {
    Bytes codes = random_codes(n, 9);
    CHECK(codes_valid(codes.data(), n));
    for (size_t i = 0; i < n; i++) {
      Bytes bad = codes;
      bad[i] = 3;
      CHECK(!codes_valid(bad.data(), n));
    }
  }
}

BITNET_TEST(formats_ternarise) {
  const Floats x = {0.25f, -0.25f, 0.2500001f, -0.2500001f, 0.75f,      -0.75f, 0.0f,
                    -0.0f, 9e9f,   -9e9f,      kInfinity,   -kInfinity, kNan,   1e-40f};
  const Bytes expected = {1, 1, 2, 0, 2, 0, 1, 1, 2, 0, 2, 0, 1, 1};
  Bytes codes(x.size());
  ternarise(x.data(), x.size(), 0.5f, codes.data());
  CHECK(codes == expected);

  const Floats y = random_floats(10007, 4);
  const float scale = 0.437f;
  Bytes got(y.size());
  ternarise(y.data(), y.size(), scale, got.data());
  const float inverse = 1.0f / scale;
  for (size_t i = 0; i < y.size(); i++) {
    const float t = std::nearbyintf(y[i] * inverse);
    CHECK_EQ(got[i], static_cast<uint8_t>(std::clamp(t, -1.0f, 1.0f) + 1.0f));
  }
}

BITNET_TEST(formats_abs_sum) {
  const Floats x = {1.0f, -2.5f, 0x1p-40f, -0x1p60f, 3.0f};
  double expected = 0.0;
  for (const float v : x) expected += static_cast<double>(std::fabs(v));
  CHECK_EQ(abs_sum(x.data(), x.size()), expected);
  CHECK_EQ(abs_sum(x.data(), 0), 0.0);
}

BITNET_TEST(formats_check_ternary) {
  const auto check = [](const Floats& x) { return check_ternary(x.data(), x.size()); };
  CHECK(check({0.5f, -0.5f, 0.0f, -0.0f}).ternary);
  CHECK_EQ(check({0.5f, -0.5f, 0.0f}).max_abs, 0.5f);
  CHECK(!check({0.5f, -0.5f, 0.25f}).ternary);
  CHECK(!check({0.5f, -0.5f, 1e-45f}).ternary);
  CHECK(!check({0.5f, -0.50000006f}).ternary);
  CHECK(check({0.0f, 0.0f}).ternary);
  CHECK_EQ(check({0.0f}).max_abs, 0.0f);
  CHECK(!check({kInfinity, 0.0f}).ternary);
  CHECK(!check({1.0f, kNan}).ternary);
  CHECK(std::isnan(check({1.0f, kNan}).max_abs));
}

}  // namespace
}  // namespace bitnet::selftest
