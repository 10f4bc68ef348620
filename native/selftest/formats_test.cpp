// Weight formats against the formulas of docs/FORMATS.md, written out slowly, and against hashes of
// files from other programs.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "base/checked_math.h"
#include "base/error.h"
#include "base/half.h"
#include "formats/convert.h"
#include "formats/format.h"
#include "selftest/sha256.h"
#include "selftest/test.h"

namespace bitnet::selftest {
namespace {

using Bytes = std::vector<uint8_t>;
using Floats = std::vector<float>;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

const Format& format(const char* name) { return *find_format(name); }

std::vector<const Format*> all_formats() {
  size_t count = 0;
  const Format* table = format_table(&count);
  std::vector<const Format*> formats;
  for (size_t i = 0; i < count; i++) formats.push_back(table + i);
  return formats;
}

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
  /// Uniform in [-1, 1), exact in float.
  float uniform() { return static_cast<float>(static_cast<int32_t>(bits32()) >> 8) * 0x1p-23f; }
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

Bytes random_codes(uint64_t n, uint32_t seed) {
  Random random(seed);
  Bytes codes(n);
  for (uint8_t& code : codes) code = random.code();
  return codes;
}

Floats random_floats(uint64_t n, uint32_t seed) {
  Random random(seed);
  Floats x(n);
  for (float& v : x) v = random.uniform();
  return x;
}

Bytes as_bytes(const Floats& x) {
  Bytes bytes(x.size() * sizeof(float));
  std::memcpy(bytes.data(), x.data(), bytes.size());
  return bytes;
}

Bytes pack(const Format& f, const Bytes& codes, uint64_t rows, uint64_t cols) {
  Bytes payload(payload_bytes(f, rows, cols));
  f.pack(codes.data(), rows, cols, payload.data());
  return payload;
}

Bytes encode(const Format& f, const Floats& x) {
  Bytes blocks(x.size() / f.block_elems * f.block_bytes);
  f.encode(x.data(), blocks.data(), x.size());
  return blocks;
}

Floats decode(const Format& f, const Bytes& blocks) {
  Floats x(blocks.size() / f.block_bytes * f.block_elems);
  f.decode(blocks.data(), x.data(), x.size());
  return x;
}

double rmse(const Floats& a, const Floats& b) {
  double sum = 0.0;
  for (size_t i = 0; i < a.size(); i++) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += d * d;
  }
  return std::sqrt(sum / static_cast<double>(a.size()));
}

/// The code of the error that `action` throws, or "none".
template <typename Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error_code_name(error.code());
  }
  return "none";
}

bool same_bits(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

// ---- slow references -------------------------------------------------------------------------

struct Place {
  uint64_t byte;
  unsigned shift;
};

/// Where weight (m, k) of a [rows, cols] ternary tensor lies.
Place place_of(const std::string& name, uint64_t rows, uint64_t cols, uint64_t m, uint64_t k) {
  const uint64_t e = m * cols + k;
  const auto shift_down = [](uint64_t field) { return static_cast<unsigned>(6 - 2 * field); };
  if (name == "i2_s") return {32 * (e / 128) + e % 128 % 32, shift_down(e % 128 / 32)};
  if (name == "i2_s_group64") return {16 * (e / 64) + e % 64 % 16, shift_down(e % 64 / 16)};
  if (name == "i2_s_row4") return {m / 4 * cols + k, shift_down(m % 4)};
  if (name == "i2_s_seq_hi") return {e / 4, shift_down(e % 4)};
  if (name == "i2_s_seq_lo") return {e / 4, static_cast<unsigned>(2 * (e % 4))};
  return {m % (rows / 4) * cols + k, static_cast<unsigned>(2 * (m / (rows / 4)))};  // hf_packed
}

Bytes pack_slowly(const Format& f, const Bytes& codes, uint64_t rows, uint64_t cols) {
  Bytes payload(rows * cols / 4);
  for (uint64_t m = 0; m < rows; m++) {
    for (uint64_t k = 0; k < cols; k++) {
      const Place place = place_of(f.name, rows, cols, m, k);
      uint8_t& byte = payload[place.byte];
      byte = static_cast<uint8_t>(byte | codes[m * cols + k] << place.shift);
    }
  }
  return payload;
}

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
  CHECK_EQ(all_formats().size(), size_t{11});
  for (const Format* f : all_formats()) {
    CHECK(find_format(f->name) == f);
    CHECK_EQ(f->decode != nullptr, !f->ternary);
    CHECK_EQ(f->unpack != nullptr, f->ternary);
  }
  CHECK(find_format("q4_0") == nullptr);
  CHECK_EQ(format("i2_s").tail_bytes, 32u);
  CHECK_EQ(format("hf_packed").tail_bytes, 0u);
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
  CHECK_EQ(bytes("i2_s", 2, 192), 96u);  // 384 weights, though a row is one and a half groups
  CHECK_EQ(bytes("i2_s", 1, 192), 0u);
  CHECK_EQ(bytes("i2_s_group64", 1, 192), 48u);
  CHECK_EQ(bytes("i2_s_row4", 4, 5), 5u);
  CHECK_EQ(bytes("i2_s_row4", 5, 4), 0u);
  CHECK_EQ(bytes("i2_s_seq_lo", 5, 4), 5u);
  CHECK_EQ(bytes("hf_packed", 8, 3), 6u);
  CHECK_EQ(bytes("hf_packed", 6, 4), 0u);
  for (const Format* f : all_formats()) {
    CHECK_EQ(payload_bytes(*f, 0, 256), 0u);
    CHECK_EQ(payload_bytes(*f, 256, 0), 0u);
    CHECK_EQ(payload_bytes(*f, uint64_t{1} << 40, uint64_t{1} << 40), 0u);
    CHECK_EQ(payload_bytes(*f, uint64_t{1} << 31, uint64_t{1} << 32), 0u);
  }
  CHECK_EQ(bytes("f32", uint64_t{1} << 30, uint64_t{1} << 31), 0u);
}

// ---- ternary layouts -------------------------------------------------------------------------

/// Tensor bytes of the golden files: payload, then f32 0.5 and 28 zeros where there is a tail.
Bytes golden_tensor(const char* name, uint64_t rows, uint64_t cols, uint32_t seed) {
  const Format& f = format(name);
  Bytes bytes = pack(f, random_codes(rows * cols, seed), rows, cols);
  const size_t payload = bytes.size();
  bytes.resize(payload + f.tail_bytes);
  const float scale = 0.5f;
  if (f.tail_bytes != 0) std::memcpy(bytes.data() + payload, &scale, sizeof(scale));
  return bytes;
}

std::string hex_text(const uint8_t* bytes, size_t n) {
  std::string text;
  for (size_t i = 0; i < n; i++) {
    text += "0123456789abcdef"[bytes[i] >> 4];
    text += "0123456789abcdef"[bytes[i] & 15];
  }
  return text;
}

BITNET_TEST(formats_golden_hashes) {
  struct Golden {
    const char* name;
    const char* hash_prefix;
    const char* first_bytes;
  };
  // Matrix 64 x 256 of the generator with seed 1 (specification, appendix B).
  const Golden cases[] = {
      {"i2_s", "b72515a7d0811fb469f0f65fce32a9ec", "52896a4a1925a221"},
      {"i2_s_group64", "f9ef1ca7560f836700d45462d4fe49ba", "56a16a60051a880a"},
      {"i2_s_row4", "89f25adf0eb0b2b4f0c55636b160416c", "628162480a259125"},
      {"i2_s_seq_hi", "c188138a59cdd1898d094579f4ef0b25", "650812826a108425"},
      {"i2_s_seq_lo", "c4ff6c11273ac7609f1ec3f44c684a78", "59208482a9041258"},
      {"hf_packed", "a795cf3f00b69974e88792f44e4e411c", "418a851128888258"},
  };
  for (const Golden& golden : cases) {
    const Bytes tensor = golden_tensor(golden.name, 64, 256, 1);
    CHECK_EQ(hex_text(tensor.data(), 8), golden.first_bytes);
    CHECK_EQ(sha256(tensor).substr(0, 32), golden.hash_prefix);
  }
}

BITNET_TEST(formats_golden_converter) {
  // Written by the functions of Microsoft's converter (golden data, lut/msconverter.json).
  CHECK_EQ(sha256(golden_tensor("i2_s", 64, 256, 101)),
           "3eae765e529a59947829d536c901f468fd9647a01e2fe7b0fd37486d1b16e72e");
  CHECK_EQ(sha256(golden_tensor("i2_s", 30, 384, 108)),
           "eac1f4375c0dc29bee2b4bb3e2b31b8cf37e1f14e51b2e04b1b1e91476080fca");
  CHECK_EQ(sha256(golden_tensor("i2_s", 1024, 4096, 103)),
           "58689a79563d88f9c5ec262686e12baf0bf8cabcc389b3970d918cdbf93cdfba");
}

struct Shape {
  uint64_t rows;
  uint64_t cols;
};

// Whole groups per row and not, fewer and more weights than a group, odd sizes.
const Shape kShapes[] = {{1, 128},  {4, 1},    {4, 3},    {4, 32},  {2, 64}, {3, 128}, {5, 256},
                         {128, 1},  {128, 3},  {64, 6},   {12, 32}, {8, 48}, {20, 96}, {36, 192},
                         {7, 8640}, {8, 1080}, {16, 504}, {1, 4},   {3, 64}, {1, 64},  {32, 100}};

BITNET_TEST(formats_ternary_formula) {
  size_t n_cases = 0;
  for (const Format* f : all_formats()) {
    for (const Shape& shape : kShapes) {
      if (!f->ternary || payload_bytes(*f, shape.rows, shape.cols) == 0) continue;
      n_cases++;
      const Bytes codes = random_codes(shape.rows * shape.cols, 3);
      const Bytes payload = pack(*f, codes, shape.rows, shape.cols);
      CHECK(payload == pack_slowly(*f, codes, shape.rows, shape.cols));
      for (uint64_t begin = 0; begin < shape.rows; begin++) {
        for (const uint64_t n : {uint64_t{1}, uint64_t{3}, shape.rows - begin}) {
          if (begin + n > shape.rows) continue;
          // The bytes after the rows must stay as they are.
          Bytes got(n * shape.cols + 16, 77);
          f->unpack(payload.data(), shape.rows, shape.cols, begin, n, got.data());
          const auto first = codes.begin() + static_cast<ptrdiff_t>(begin * shape.cols);
          CHECK(std::equal(got.begin(), got.end() - 16, first));
          CHECK(std::all_of(got.end() - 16, got.end(), [](uint8_t b) { return b == 77; }));
        }
      }
    }
  }
  CHECK(n_cases > 60);
}

BITNET_TEST(formats_ternary_code_3) {
  for (const Format* f : all_formats()) {
    if (!f->ternary) continue;
    Bytes codes = random_codes(uint64_t{8} * 64, 5);
    codes[321] = 3;
    const Bytes payload = pack(*f, codes, 8, 64);
    Bytes got(codes.size());
    f->unpack(payload.data(), 8, 64, 0, 8, got.data());
    CHECK(got == codes);
  }
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

// ---- float formats ---------------------------------------------------------------------------

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

// ---- convert ---------------------------------------------------------------------------------

constexpr uint64_t kRows = 12;
constexpr uint64_t kCols = 768;
constexpr float kScale = 0.375f;  // exact in every format

/// A payload of random weights in any format.
Bytes random_payload(const Format& f, uint64_t rows, uint64_t cols) {
  if (f.ternary) return pack(f, random_codes(rows * cols, 31), rows, cols);
  return encode(f, random_floats(rows * cols, 32));
}

BITNET_TEST(formats_convert_every_pair) {
  for (const Format* from : all_formats()) {
    const Bytes data = random_payload(*from, kRows, kCols);
    for (const Format* to : all_formats()) {
      const Bytes got = convert_rows(*from, *to, kRows, kCols, data.data(), data.size(), kScale);
      Bytes codes(kRows * kCols);
      Floats x(kRows * kCols);
      if (from->ternary) {
        from->unpack(data.data(), kRows, kCols, 0, kRows, codes.data());
        for (size_t i = 0; i < x.size(); i++) {
          x[i] = (static_cast<float>(codes[i]) - 1.0f) * kScale;
        }
      } else {
        x = decode(*from, data);
        ternarise(x.data(), x.size(), kScale, codes.data());
      }
      Bytes expected = to->ternary ? pack(*to, codes, kRows, kCols) : encode(*to, x);
      if (from == to) expected = data;
      if (got != expected) {
        record_failure(__FILE__, __LINE__, std::string(from->name) + " to " + to->name);
      }
    }
  }
}

BITNET_TEST(formats_convert_round_trips) {
  // Ternary weights survive any format on the way when the scale is exact in it.
  const Bytes data = random_payload(format("i2_s"), kRows, kCols);
  for (const Format* middle : all_formats()) {
    const Bytes there =
        convert_rows(format("i2_s"), *middle, kRows, kCols, data.data(), data.size(), kScale);
    const Bytes back =
        convert_rows(*middle, format("i2_s"), kRows, kCols, there.data(), there.size(), kScale);
    if (back != data) record_failure(__FILE__, __LINE__, middle->name);
  }
}

BITNET_TEST(formats_convert_pieces) {
  // Large enough for many pieces, with and without rows of whole groups.
  for (const Shape& shape :
       {Shape{512, 768}, Shape{1024, 100}, Shape{128, 1081}, Shape{4, 100096}}) {
    for (const Format* from : all_formats()) {
      for (const Format* to : all_formats()) {
        if (payload_bytes(*from, shape.rows, shape.cols) == 0) continue;
        if (payload_bytes(*to, shape.rows, shape.cols) == 0) continue;
        const Bytes data = random_payload(*from, shape.rows, shape.cols);
        const Bytes got =
            convert_rows(*from, *to, shape.rows, shape.cols, data.data(), data.size(), kScale);
        if (!from->ternary || !to->ternary) {
          CHECK_EQ(got.size(), payload_bytes(*to, shape.rows, shape.cols));
          continue;
        }
        Bytes codes(shape.rows * shape.cols);
        from->unpack(data.data(), shape.rows, shape.cols, 0, shape.rows, codes.data());
        CHECK(got == pack(*to, codes, shape.rows, shape.cols));
      }
    }
  }
}

BITNET_TEST(formats_convert_blocks_of_rows) {
  // [12, 768] in blocks of 4 rows, and [384, 6] in blocks of 64 rows (three groups of 128).
  for (const auto& [shape, block_rows] :
       {std::pair{Shape{12, 768}, 4}, std::pair{Shape{384, 6}, 64}}) {
    for (const Format* from : all_formats()) {
      for (const Format* to : all_formats()) {
        // Row quarters are spread over the whole tensor.
        if (to->order == ElementOrder::kRowQuarters) continue;
        if (from->order == ElementOrder::kRowQuarters) continue;
        const uint64_t n_rows = static_cast<uint64_t>(block_rows);
        const uint64_t block_bytes = payload_bytes(*from, n_rows, shape.cols);
        if (block_bytes == 0 || payload_bytes(*to, n_rows, shape.cols) == 0) continue;
        const Bytes data = random_payload(*from, shape.rows, shape.cols);
        const Bytes whole =
            convert_rows(*from, *to, shape.rows, shape.cols, data.data(), data.size(), kScale);
        Bytes joined;
        for (uint64_t i = 0; i < shape.rows / n_rows; i++) {
          const Bytes part = convert_rows(*from, *to, n_rows, shape.cols,
                                          data.data() + i * block_bytes, block_bytes, kScale);
          joined.insert(joined.end(), part.begin(), part.end());
        }
        if (joined != whole) {
          record_failure(__FILE__, __LINE__, std::string(from->name) + " to " + to->name);
        }
      }
    }
  }
}

BITNET_TEST(formats_convert_quarters) {
  // Quarter by quarter, and each in blocks of packed rows, equals the whole tensor at once.
  const uint64_t rows = 48;
  const uint64_t cols = 384;
  const Format& packed = format("hf_packed");
  const Format& i2_s = format("i2_s");
  const Bytes data = random_payload(packed, rows, cols);
  const Bytes whole = convert_rows(packed, i2_s, rows, cols, data.data(), data.size(), 1.0f);
  Bytes joined;
  for (int quarter = 0; quarter < 4; quarter++) {
    for (uint64_t row = 0; row < rows / 4; row += 3) {
      const Bytes part =
          convert_rows(packed, i2_s, 3, cols, data.data() + row * cols, 3 * cols, 1.0f, quarter);
      joined.insert(joined.end(), part.begin(), part.end());
    }
  }
  CHECK(joined == whole);
  const Bytes floats = convert_rows(packed, format("f32"), 5, cols, data.data(), 5 * cols, 0.5f, 3);
  const Floats x = decode(format("f32"), floats);
  CHECK_EQ(x[7], (static_cast<float>(data[7] >> 6) - 1.0f) * 0.5f);
}

BITNET_TEST(formats_convert_refuses) {
  const Format& f32 = format("f32");
  const Format& i2_s = format("i2_s");
  const Format& packed = format("hf_packed");
  const auto convert = [](const Format& from, const Format& to, uint64_t rows, uint64_t cols,
                          const Bytes& data, float scale, int quarter = kNoQuarter) {
    return error_of(
        [&] { convert_rows(from, to, rows, cols, data.data(), data.size(), scale, quarter); });
  };
  const Bytes zeros = as_bytes(Floats(256, 0.0f));
  CHECK_EQ(convert(f32, i2_s, 2, 128, zeros, 1.0f), "none");
  CHECK_EQ(convert(f32, i2_s, 2, 129, zeros, 1.0f), "E_USAGE");
  CHECK_EQ(convert(f32, i2_s, 1, 192, as_bytes(Floats(192)), 1.0f), "E_MODEL_FORMAT");
  CHECK_EQ(convert(f32, format("q8_0"), 8, 33, as_bytes(Floats(264)), 1.0f), "E_MODEL_FORMAT");
  CHECK_EQ(convert(f32, i2_s, 0, 128, {}, 1.0f), "E_MODEL_FORMAT");
  CHECK_EQ(convert(f32, i2_s, uint64_t{1} << 40, uint64_t{1} << 40, zeros, 1.0f), "E_MODEL_FORMAT");
  for (const float scale : {0.0f, -1.0f, kNan, kInfinity}) {
    CHECK_EQ(convert(f32, i2_s, 2, 128, zeros, scale), "E_USAGE");
  }

  Bytes codes(64, 0x55);
  CHECK_EQ(convert(i2_s, f32, 2, 128, codes, 1.0f), "none");
  CHECK_EQ(convert(i2_s, f32, 2, 128, codes, kNan), "E_MODEL_FORMAT");
  CHECK_EQ(convert(i2_s, packed, 2, 128, codes, 1.0f), "E_MODEL_FORMAT");
  CHECK_EQ(convert(i2_s, f32, 2, 128, codes, 1.0f, 0), "E_USAGE");
  CHECK_EQ(convert(packed, f32, 1, 64, codes, 1.0f, 4), "E_USAGE");
  CHECK_EQ(convert(packed, f32, 1, 64, codes, 1.0f, -2), "E_USAGE");
  CHECK_EQ(convert(packed, f32, 1, 63, codes, 1.0f, 1), "E_USAGE");
  codes[40] = 0x57;  // a code 3 in the lowest field
  CHECK_EQ(convert(i2_s, f32, 2, 128, codes, 1.0f), "E_MODEL_FORMAT");
  CHECK_EQ(convert(i2_s, i2_s, 2, 128, codes, 1.0f), "E_MODEL_FORMAT");
  CHECK_EQ(convert(packed, f32, 1, 64, codes, 1.0f, 1), "none");
  CHECK_EQ(convert(packed, f32, 1, 64, codes, 1.0f, 0), "E_MODEL_FORMAT");

  for (const float v : {kNan, kInfinity}) {
    Floats x(256, 0.0f);
    x[200] = v;
    const Bytes bad = as_bytes(x);
    CHECK_EQ(convert(f32, i2_s, 2, 128, bad, 1.0f), "E_MODEL_FORMAT");
    CHECK_EQ(convert(f32, format("q6_k"), 1, 256, bad, 1.0f), "E_MODEL_FORMAT");
    CHECK_EQ(convert(f32, format("f16"), 2, 128, bad, 1.0f), "none");
  }
}

BITNET_TEST(formats_convert_messages) {
  Bytes codes(64, 0x55);
  codes[40] = 0x57;
  std::string message;
  try {
    convert_rows(format("i2_s"), format("f32"), 2, 128, codes.data(), codes.size(), 1.0f);
  } catch (const Error& error) {
    message = error.what();
  }
  CHECK_EQ(message, "invalid ternary code 3 in i2_s row 1, column 104");
}

BITNET_TEST(formats_row_sums_and_checks) {
  const Floats x = random_floats(5 * 96, 41);
  const Bytes data = as_bytes(x);
  double expected = 0.0;
  for (size_t row = 0; row < 5; row++) expected += abs_sum(x.data() + row * 96, 96);
  CHECK_EQ(abs_sum_rows(format("f32"), 5, 96, data.data(), data.size()), expected);
  CHECK(!check_ternary_rows(format("f32"), 5, 96, data.data(), data.size()).ternary);

  Floats t(5 * 96, 0.0f);
  t[100] = 0.5f;
  t[400] = -0.5f;
  const Bytes half = encode(format("f16"), t);
  const TernaryCheck check = check_ternary_rows(format("f16"), 5, 96, half.data(), half.size());
  CHECK(check.ternary);
  CHECK_EQ(check.max_abs, 0.5f);
  t[300] = 0.25f;  // a row of its own is ternary, the tensor is not
  const Bytes mixed = as_bytes(t);
  CHECK(!check_ternary_rows(format("f32"), 5, 96, mixed.data(), mixed.size()).ternary);
  t[300] = kNan;
  const Bytes nan = as_bytes(t);
  const TernaryCheck bad = check_ternary_rows(format("f32"), 5, 96, nan.data(), nan.size());
  CHECK(!bad.ternary);
  CHECK(std::isnan(bad.max_abs));

  CHECK_EQ(error_of([&] { abs_sum_rows(format("i2_s"), 5, 96, data.data(), data.size()); }),
           "E_USAGE");
  CHECK_EQ(error_of([&] { abs_sum_rows(format("f32"), 5, 95, data.data(), data.size()); }),
           "E_USAGE");
}

}  // namespace
}  // namespace bitnet::selftest
