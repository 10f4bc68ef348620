// int8 activations of BitLinear layers and of the head: every target against the formulas.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/half.h"
#include "selftest/support.h"
#include "selftest/targets.h"

namespace bitnet::selftest {
namespace {

const uint32_t kSizes[] = {1,  2,   15,  16,  17,  31,  33,   63,  64,
                           65, 100, 127, 128, 257, 640, 2560, 6912};

struct Input {
  std::string name;
  Floats x;
};

/// Rows of n floats with everything that rounding, scales and clamps can get wrong.
std::vector<Input> inputs(size_t n) {
  Random random(static_cast<uint32_t>(n));
  std::vector<Input> all;
  Floats x(n);
  for (float& v : x) v = random.bell();
  all.push_back({"bell", x});
  x[n / 2] = 100.0f;
  all.push_back({"outlier", x});
  // The scale is 1 and every value a tie.
  for (float& v : x) v = static_cast<float>(random.below(254)) - 126.5f;
  x[n - 1] = -127.0f;
  all.push_back({"ties", x});
  for (float& v : x) v = std::nextafter(v, random.below(2) == 0 ? 1000.0f : -1000.0f);
  x[n - 1] = 127.0f;
  all.push_back({"near ties", x});
  all.push_back({"zeros", Floats(n, 0.0f)});
  all.push_back({"negative zeros", Floats(n, -0.0f)});
  for (const float size : {3e-6f, 1e-5f, 0x1.4f8b58p-17f, 1e-30f, 1e-36f, 1e-40f, 1e30f, 3e38f}) {
    for (float& v : x) v = random.uniform() * size;
    all.push_back({"of size " + value_text(size), x});
  }
  return all;
}

int8_t code_of(float product) {
  return static_cast<int8_t>(std::clamp(std::nearbyint(product), -128.0f, 127.0f));
}

float abs_max(const float* x, size_t n) {
  float largest = 0.0f;
  for (size_t i = 0; i < n; i++) largest = std::max(largest, std::fabs(x[i]));
  return largest;
}

BITNET_TEST(kernels_quantize_row) {
  for (const uint32_t n : kSizes) {
    const uint32_t n_padded = (n + kTernaryGroup - 1) / kTernaryGroup * kTernaryGroup;
    for (const Input& input : inputs(n)) {
      const double absmax = static_cast<double>(abs_max(input.x.data(), n));
      const auto scale = static_cast<float>(127.0 / std::max(absmax, 1e-5));
      std::vector<int8_t> codes(n_padded, 0);
      int32_t sum = 0;
      for (size_t i = 0; i < n; i++) sum += codes[i] = code_of(input.x[i] * scale);

      for (const Kernels& target : runnable_targets()) {
        const Exact<float> x(input.x);
        Exact<int8_t> q(n_padded, 77);
        float got_scale = 0.0f;
        int32_t got_sum = 0;
        target.table.quantize_row(x.data(), n, n_padded, q.data(), &got_scale, &got_sum);
        const auto where = [&] {
          return std::string(target.table.name) + " quantize_row " + std::to_string(n) + ", " +
                 input.name;
        };
        CHECK_BITS(q.data(), codes.data(), n_padded, where());
        CHECK_BITS(&got_scale, &scale, 1, where() + ", scale");
        CHECK_BITS(&got_sum, &sum, 1, where() + ", sum");
      }
    }
  }
}

BITNET_TEST(kernels_quantize_row_pinned) {
  // Round half to even, and nothing below the floor of 1e-5 is stretched to the full range.
  Floats x = {0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 126.5f, -126.5f, 127.0f};
  const std::vector<int8_t> ties = {0, 2, 2, 0, -2, -2, 126, -126, 127};
  for (const Kernels& target : runnable_targets()) {
    Exact<int8_t> q(128);
    float scale = 0.0f;
    int32_t sum = 0;
    target.table.quantize_row(x.data(), 9, 128, q.data(), &scale, &sum);
    CHECK_BITS(q.data(), ties.data(), ties.size(), target.table.name);
    CHECK_EQ(scale, 1.0f);
    CHECK_EQ(sum, 127);
    const float small[] = {1e-6f, -5e-6f};
    target.table.quantize_row(small, 2, 128, q.data(), &scale, &sum);
    CHECK_EQ(scale, 12700000.0f);
    CHECK_EQ(q[0], int8_t{13});
    CHECK_EQ(q[1], int8_t{-64});  // -63.5
  }
}

BITNET_TEST(kernels_quantize_blocks) {
  for (const uint32_t n : kSizes) {
    const uint32_t n_padded = (n + kTernaryGroup - 1) / kTernaryGroup * kTernaryGroup;
    for (const Input& input : inputs(n)) {
      std::vector<int8_t> codes(n_padded, 0);
      std::vector<int32_t> sums(n_padded / kActivationBlock, 0);
      Floats d(sums.size(), 0.0f);
      for (uint32_t begin = 0; begin < n; begin += kActivationBlock) {
        const uint32_t end = std::min(n, begin + kActivationBlock);
        const float step = abs_max(input.x.data() + begin, end - begin) / 127.0f;
        const float factor = step >= 0x1p-126f ? 1.0f / step : 0.0f;
        d[begin / kActivationBlock] = f16_to_f32(f32_to_f16(step));
        for (size_t i = begin; i < end; i++) {
          codes[i] = code_of(input.x[i] * factor);
          sums[i / kActivationBlock] += codes[i];
        }
      }
      for (const Kernels& target : runnable_targets()) {
        const Exact<float> x(input.x);
        Exact<int8_t> q(n_padded, 77);
        Exact<float> got_d(d.size(), kCanary);
        Exact<int32_t> got_sums(sums.size(), 77);
        target.table.quantize_blocks(x.data(), n, n_padded, q.data(), got_d.data(),
                                     got_sums.data());
        const auto where = [&] {
          return std::string(target.table.name) + " quantize_blocks " + std::to_string(n) + ", " +
                 input.name;
        };
        CHECK_BITS(q.data(), codes.data(), n_padded, where());
        CHECK_BITS(got_d.data(), d.data(), d.size(), where() + ", d");
        CHECK_BITS(got_sums.data(), sums.data(), sums.size(), where() + ", sums");
      }
    }
  }
}

/// Below this 127 / absmax overflows; such blocks count as zero for every purpose.
constexpr float kSmallestBlock = 0x1p-118f;

struct HeadCodes {
  explicit HeadCodes(size_t n)
      : q((n + kHeadBlock - 1) / kHeadBlock * kHeadBlock), d(q.size() / kHeadBlock) {}
  Exact<uint8_t> q;
  Exact<float> d;
};

HeadCodes quantize_head(const KernelTable& table, const Floats& x) {
  const Exact<float> exact(x);
  HeadCodes codes(x.size());
  std::fill(codes.q.begin(), codes.q.end(), uint8_t{77});
  std::fill(codes.d.begin(), codes.d.end(), kCanary);
  table.quantize_head(exact.data(), static_cast<uint32_t>(x.size()), codes.q.data(),
                      codes.d.data());
  return codes;
}

void check_head_formula(const Floats& x, const HeadCodes& got) {
  for (size_t begin = 0; begin < x.size(); begin += kHeadBlock) {
    const size_t end = std::min(x.size(), begin + kHeadBlock);
    const float absmax = abs_max(x.data() + begin, end - begin);
    const float d = got.d[begin / kHeadBlock];
    CHECK_EQ(d, absmax / 127.0f);
    for (size_t i = begin; i < end; i++) {
      if (absmax >= kSmallestBlock) {
        CHECK_EQ(got.q[i] - 128, int{code_of(x[i] * (127.0f / absmax))});
      } else {
        CHECK(std::fabs(static_cast<float>(got.q[i] - 128) * d - x[i]) <= 0x1p-117f);
      }
    }
    for (size_t i = end; i < begin + kHeadBlock; i++) CHECK_EQ(got.q[i], uint8_t{128});
  }
}

BITNET_TEST(kernels_quantize_head) {
  for (const uint32_t n : kSizes) {
    for (const Input& input : inputs(n)) {
      const HeadCodes expected = quantize_head(scalar_target(), input.x);
      check_head_formula(input.x, expected);
      for (const Kernels& target : runnable_targets()) {
        const HeadCodes got = quantize_head(target.table, input.x);
        const auto where = [&] {
          return std::string(target.table.name) + " quantize_head " + std::to_string(n) + ", " +
                 input.name;
        };
        CHECK_BITS(got.q.data(), expected.q.data(), expected.q.size(), where());
        CHECK_BITS(got.d.data(), expected.d.data(), expected.d.size(), where() + ", d");
      }
    }
  }
}

Exact<int8_t> quantize_row_codes(const KernelTable& table, const Floats& x) {
  Exact<int8_t> q(128);
  float scale = 0.0f;
  int32_t sum = 0;
  table.quantize_row(x.data(), static_cast<uint32_t>(x.size()), 128, q.data(), &scale, &sum);
  return q;
}

BITNET_TEST(kernels_quantize_not_finite) {
  // A damaged model must not give different text on different machines.
  for (const float bad : {kNan, kInfinity, -kInfinity}) {
    for (const uint32_t place : {0u, 5u, 17u, 99u}) {
      Floats x(100, 0.25f);
      x[3] = 1e30f;
      x[place] = bad;
      const HeadCodes head = quantize_head(scalar_target(), x);
      const Exact<int8_t> row = quantize_row_codes(scalar_target(), x);
      CHECK_EQ(std::count(head.q.data(), head.q.data() + head.q.size(), uint8_t{0}),
               std::ptrdiff_t{0});
      for (const Kernels& target : runnable_targets()) {
        const std::string what = std::string(target.table.name) + " with " + value_text(bad);
        const Exact<int8_t> got_row = quantize_row_codes(target.table, x);
        CHECK_BITS(got_row.data(), row.data(), row.size(), what + ", quantize_row");
        const HeadCodes got_head = quantize_head(target.table, x);
        CHECK_BITS(got_head.q.data(), head.q.data(), head.q.size(), what + ", quantize_head");
      }
    }
  }
}

}  // namespace
}  // namespace bitnet::selftest
