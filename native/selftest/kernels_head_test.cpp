// The output head in its five formats: every target against scalar bit by bit, scalar against
// double precision.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/half.h"
#include "base/thread_pool.h"
#include "formats/format.h"
#include "selftest/support.h"
#include "selftest/targets.h"

namespace bitnet::selftest {
namespace {

struct Type {
  HeadType type;
  const char* format;
  bool blocks;  ///< reads int8 activations
};

constexpr Type kTypes[] = {{HeadType::kF32, "f32", false},
                           {HeadType::kF16, "f16", false},
                           {HeadType::kBF16, "bf16", false},
                           {HeadType::kQ8_0, "q8_0", true},
                           {HeadType::kQ6_K, "q6_k", true}};
constexpr size_t kQ6KBytes = 210;

size_t round_up(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// Activations of m tokens in both forms that heads read.
struct Inputs {
  Inputs(uint32_t n_tokens, uint32_t n_inputs, uint32_t seed)
      : m(n_tokens),
        k(n_inputs),
        x_stride(round_up(k, 16) + 16),
        q_stride(round_up(k, kHeadBlock)),
        x((m - 1) * x_stride + round_up(k, 16)),
        q(m * q_stride),
        d(m * q_stride / kHeadBlock) {
    Random random(seed);
    for (uint32_t i = 0; i < m; i++) {
      float* row = x.data() + i * x_stride;
      for (uint32_t j = 0; j < k; j++) row[j] = random.bell() * (j % 97 == 5 ? 10.0f : 1.0f);
    }
    quantise();
  }

  void quantise() {
    for (uint32_t i = 0; i < m; i++) {
      scalar_target().quantize_head(x.data() + i * x_stride, k, q.data() + i * q_stride,
                                    d.data() + i * q_stride / kHeadBlock);
    }
  }

  HeadInput view() const { return {x.data(), x_stride, q.data(), d.data(), q_stride, m}; }

  uint32_t m, k;
  size_t x_stride, q_stride;
  Exact<float> x;
  Exact<uint8_t> q;
  Exact<float> d;
};

size_t row_bytes(const Type& type, uint32_t k) {
  return static_cast<size_t>(payload_bytes(*find_format(type.format), 1, k));
}

/// Encoded random weights, rows of very different norms.
Exact<uint8_t> encoded_weights(const Type& type, uint32_t n, uint32_t k) {
  Random random(n + k);
  Floats w(size_t{n} * k);
  float norm = 1.0f;
  for (size_t i = 0; i < w.size(); i++) {
    if (i % k == 0) norm = 0.01f + std::fabs(random.uniform());
    w[i] = random.bell() * norm;
  }
  Exact<uint8_t> bytes(n * row_bytes(type, k));
  find_format(type.format)->encode(w.data(), bytes.data(), w.size());
  return bytes;
}

/// Any bits that a file may hold, with finite scales.
Exact<uint8_t> raw_weights(const Type& type, uint32_t n, uint32_t k) {
  Random random(n * 3 + k);
  Exact<uint8_t> bytes(n * row_bytes(type, k));
  for (uint8_t& byte : bytes) byte = random.byte();
  const Format& format = *find_format(type.format);
  const size_t scale_byte = type.type == HeadType::kQ6_K ? kQ6KBytes - 1 : 1;
  for (size_t block = 0; block < bytes.size(); block += format.block_bytes) {
    uint8_t& high = bytes[block + scale_byte];
    high = static_cast<uint8_t>(high & 0x9f);  // exponents below 8: also subnormal ones
  }
  return bytes;
}

std::string describe(const KernelTable& table, const Type& type, const HeadMatrix& w, uint32_t m,
                     const Share& share) {
  return std::string(table.name) + " head " + type.format + " m " + std::to_string(m) + " n " +
         std::to_string(w.n) + " k " + std::to_string(w.k) + " rows " +
         std::to_string(share.begin) + ".." + std::to_string(share.end);
}

void check_targets(const Type& type, const HeadMatrix& w, const Inputs& inputs,
                   const Floats& expected) {
  const size_t stride = w.n + 5;
  const size_t y_size = (inputs.m - 1) * stride + w.n;
  for (const Kernels& target : runnable_targets()) {
    for (unsigned n_threads = 1; n_threads <= 5; n_threads += 2) {
      for (unsigned thread = 0; thread < n_threads; thread++) {
        const Share share = share_of(w.n, 1, thread, n_threads);
        Exact<float> y(y_size, kCanary);
        Floats wanted(y_size, kCanary);
        for (uint32_t i = 0; i < inputs.m; i++) {
          std::copy_n(expected.data() + i * w.n + share.begin, share.end - share.begin,
                      wanted.data() + i * stride + share.begin);
        }
        target.table.head[static_cast<size_t>(type.type)](
            w, inputs.view(), static_cast<uint32_t>(share.begin), static_cast<uint32_t>(share.end),
            y.data(), stride);
        CHECK_BITS(y.data(), wanted.data(), y_size,
                   describe(target.table, type, w, inputs.m, share));
      }
    }
  }
}

/// Scalar results, checked against double precision on the same rounded operands.
Floats reference(const Type& type, const HeadMatrix& w, const Inputs& inputs) {
  constexpr double kBound = 1e-5;  // relative to the sum of |products|: they may cancel
  Floats y(size_t{inputs.m} * w.n);
  scalar_target().head[static_cast<size_t>(type.type)](w, inputs.view(), 0, w.n, y.data(), w.n);
  Floats row(w.k);
  for (uint32_t r = 0; r < w.n; r++) {
    find_format(type.format)->decode(w.data + r * w.row_bytes, row.data(), w.k);
    for (uint32_t i = 0; i < inputs.m; i++) {
      double sum = 0.0;
      double size = 0.0;
      for (uint32_t j = 0; j < w.k; j++) {
        const double x =
            type.blocks ? static_cast<double>(inputs.q[i * inputs.q_stride + j] - 128) *
                              static_cast<double>(inputs.d[(i * inputs.q_stride + j) / kHeadBlock])
                        : static_cast<double>(inputs.x[i * inputs.x_stride + j]);
        sum += x * static_cast<double>(row[j]);
        size += std::fabs(x * static_cast<double>(row[j]));
      }
      CHECK(std::fabs(static_cast<double>(y[size_t{i} * w.n + r]) - sum) <= kBound * size);
    }
  }
  return y;
}

void check_head(const Type& type, const Exact<uint8_t>& weights, uint32_t n, const Inputs& inputs) {
  const HeadMatrix w = {weights.data(), n, inputs.k, row_bytes(type, inputs.k)};
  check_targets(type, w, inputs, reference(type, w, inputs));
}

BITNET_TEST(kernels_head) {
  for (const Type& type : kTypes) {
    for (const uint32_t k :
         {1u, 15u, 31u, 32u, 37u, 64u, 96u, 100u, 160u, 256u, 288u, 512u, 768u, 2560u}) {
      if (row_bytes(type, k) == 0) continue;
      const uint32_t n = k < 1000 ? 37 : 11;
      const Exact<uint8_t> weights = encoded_weights(type, n, k);
      for (const uint32_t m : {1u, 2u, 5u, 8u, 15u}) {
        check_head(type, weights, n, Inputs(m, k, k + m));
      }
    }
  }
}

BITNET_TEST(kernels_head_any_block) {
  for (const Type& type : kTypes) {
    if (!type.blocks) continue;
    for (const uint32_t k : {32u, 96u, 256u, 512u}) {
      if (row_bytes(type, k) == 0) continue;
      for (const uint32_t m : {1u, 3u, 9u}) {
        check_head(type, raw_weights(type, 64, k), 64, Inputs(m, k, k + m));
      }
    }
  }
}

BITNET_TEST(kernels_head_extreme_blocks) {
  // The largest integers that the lanes can hold: codes and scales at both ends against
  // activations at both ends.
  Inputs inputs(3, 256, 1);
  for (uint32_t j = 0; j < 256; j++) {
    inputs.x[j] = 127.0f;
    inputs.x[inputs.x_stride + j] = -127.0f;
    inputs.x[2 * inputs.x_stride + j] = j % 2 == 0 ? 127.0f : -127.0f;
  }
  inputs.quantise();
  CHECK_EQ(inputs.q[0], uint8_t{255});
  CHECK_EQ(inputs.q[256], uint8_t{1});
  const Type& q6_k = kTypes[4];
  for (const uint8_t scale : Bytes{0x80, 0x7f, 0x01, 0xff}) {
    for (const uint8_t code : Bytes{0x00, 0xff, 0x0f, 0xf0, 0xaa}) {
      Exact<uint8_t> block(kQ6KBytes, code);
      std::fill_n(block.data() + 192, 16, scale);
      block[208] = 0x00;
      block[209] = 0x3c;  // d = 1
      check_head(q6_k, block, 1, inputs);
    }
  }
  const Type& q8_0 = kTypes[3];
  for (const uint8_t code : Bytes{0x80, 0x7f, 0x81, 0x00}) {
    Exact<uint8_t> blocks(8 * 34, code);
    for (size_t b = 0; b < 8; b++) {
      blocks[34 * b] = 0x00;
      blocks[34 * b + 1] = 0x3c;
    }
    check_head(q8_0, blocks, 1, inputs);
  }
}

/// The copy of a row on every target, bit by bit, and its squares against double precision.
void check_copy(const Bytes& row, uint32_t k) {
  const Format& q8_0 = *find_format("q8_0");
  const size_t copy_bytes = payload_bytes(q8_0, 1, k);
  Exact<uint8_t> expected(copy_bytes);
  float squares[2];
  scalar_target().copy_head_row(row.data(), k, expected.data(), squares);
  for (const Kernels& target : runnable_targets()) {
    Exact<uint8_t> copy(copy_bytes);
    float found[2];
    target.table.copy_head_row(row.data(), k, copy.data(), found);
    CHECK_BITS(copy.data(), expected.data(), copy_bytes, target.table.name);
    CHECK_BITS(found, squares, size_t{2}, target.table.name);
  }
  Floats weights(k);
  Floats copied(k);
  find_format("f16")->decode(row.data(), weights.data(), k);
  q8_0.decode(expected.data(), copied.data(), k);
  double whole = 0.0;
  double missing = 0.0;
  for (uint32_t i = 0; i < k; i++) {
    const double w = static_cast<double>(weights[i]);
    const double rest = w - static_cast<double>(copied[i]);
    whole += w * w;
    missing += rest * rest;
  }
  constexpr double kBound = 1e-5;  // of as many additions
  CHECK(std::fabs(static_cast<double>(squares[0]) - whole) <= kBound * whole);
  CHECK(std::fabs(static_cast<double>(squares[1]) - missing) <= kBound * missing);
  CHECK(missing <= whole * 1e-3 || whole < 1e-6 * k);
}

BITNET_TEST(kernels_head_copy) {
  Random random(1);
  for (const uint32_t k : {32u, 64u, 160u, 2560u}) {
    for (const float size : {1e-7f, 1e-4f, 0.02f, 1.0f, 9000.0f}) {
      Bytes row(2 * size_t{k});
      for (uint32_t i = 0; i < k; i++) {
        const uint16_t bits = f32_to_f16(size * random.bell());
        row[2 * i] = static_cast<uint8_t>(bits);
        row[2 * i + 1] = static_cast<uint8_t>(bits >> 8);
      }
      check_copy(row, k);
    }
  }
  // A row that is not finite has no squares to speak of.
  for (const uint8_t high : Bytes{0x7c, 0xfc, 0x7e}) {
    Bytes row(64, 0);
    row[7] = high;
    for (const Kernels& target : runnable_targets()) {
      Bytes copy(34);
      float squares[2];
      target.table.copy_head_row(row.data(), 32, copy.data(), squares);
      CHECK(!std::isfinite(squares[0]));
      CHECK(!std::isfinite(squares[1]));
    }
  }
}

BITNET_TEST(kernels_head_pinned) {
  // One activation of 1: the logit is the weight itself, so every finite value of the 16-bit types
  // shows how a target converts it.
  constexpr uint32_t kInputs = 16;
  constexpr uint32_t kRows = 0x10000 / kInputs;
  for (const Type& type : {kTypes[1], kTypes[2]}) {
    const auto value = type.type == HeadType::kF16 ? f16_to_f32 : bf16_to_f32;
    Exact<uint8_t> weights(2 * 0x10000);
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
      const uint32_t stored = std::isfinite(value(static_cast<uint16_t>(bits))) ? bits : 0;
      weights[2 * size_t{bits}] = static_cast<uint8_t>(stored);
      weights[2 * size_t{bits} + 1] = static_cast<uint8_t>(stored >> 8);
    }
    const HeadMatrix w = {weights.data(), kRows, kInputs, 2 * kInputs};
    for (uint32_t j = 0; j < kInputs; j++) {
      Inputs inputs(1, kInputs, 1);
      std::fill(inputs.x.begin(), inputs.x.end(), 0.0f);
      inputs.x[j] = 1.0f;
      for (const Kernels& target : runnable_targets()) {
        Floats y(kRows);
        target.table.head[static_cast<size_t>(type.type)](w, inputs.view(), 0, kRows, y.data(),
                                                          kRows);
        size_t n_wrong = 0;
        for (uint32_t r = 0; r < kRows; r++) {
          const auto bits = static_cast<uint16_t>(weights[2 * (r * size_t{kInputs} + j)] |
                                                  weights[2 * (r * size_t{kInputs} + j) + 1] << 8);
          n_wrong += y[r] != value(bits);
        }
        CHECK_EQ(n_wrong, size_t{0});
      }
    }
  }
}

}  // namespace
}  // namespace bitnet::selftest
