// Ternary products with per-block int8 and with float activations, with and without group scales:
// every layout of every target against the rule of TernaryKernels written out.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/half.h"
#include "base/thread_pool.h"
#include "selftest/support.h"
#include "selftest/targets.h"
#include "selftest/ternary_matrix.h"
#include "selftest/test.h"

namespace bitnet::selftest {
namespace {

/// Scales of blocks are f16 numbers, as quantize_blocks makes them.
float to_f16(float x) { return f16_to_f32(f32_to_f16(x)); }

struct Problem {
  Problem(uint32_t n_rows, uint32_t n_tokens, uint32_t n_columns, uint32_t n_group, uint32_t seed)
      : n(n_rows),
        m(n_tokens),
        k(n_columns),
        k_padded(round_up(n_columns, kTernaryGroup)),
        group(n_group),
        codes(size_t{n} * k),
        row_scales(round_up(n, 16)),
        q(size_t{m} * k_padded),
        block_scales(size_t{m} * k_padded / kActivationBlock),
        block_sums(block_scales.size()),
        x(size_t{m} * k_padded) {
    Random random(seed);
    for (auto& code : codes) code = static_cast<uint8_t>(random.below(3));
    for (auto& scale : row_scales) scale = 1.0f + 0.5f * random.uniform();
    if (group != 0) {
      group_scales.resize(size_t{n} * k_padded / group);
      for (auto& scale : group_scales) scale = f32_to_f16(1.01f + random.uniform());
    }
    for (uint32_t i = 0; i < m; i++) {
      for (uint32_t j = 0; j < k; j++) {
        x[size_t{i} * k_padded + j] = 2.0f * random.uniform();
        q[size_t{i} * k_padded + j] =
            static_cast<int8_t>(static_cast<int>(random.below(255)) - 127);
      }
    }
    for (auto& scale : block_scales) scale = to_f16(0.11f + 0.1f * random.uniform());
    add_up();
  }

  /// One code for all weights, and for the activations of each token the next of `inputs`; blocks
  /// take scales by turns.
  void fill(uint8_t code, const std::vector<int8_t>& inputs, const Floats& scales) {
    std::fill(codes.begin(), codes.end(), code);
    for (size_t at = 0; at < q.size(); at++) {
      const size_t column = at % k_padded;
      q[at] = column < k ? inputs[(at / k_padded + column) % inputs.size()] : int8_t{0};
    }
    for (size_t i = 0; i < block_scales.size(); i++) block_scales[i] = scales[i % scales.size()];
    add_up();
  }

  void add_up() {
    for (size_t i = 0; i < block_sums.size(); i++) {
      const auto* block = q.data() + i * kActivationBlock;
      block_sums[i] = std::accumulate(block, block + kActivationBlock, 0);
    }
  }

  TernaryInput input() const {
    return {m,
            q.data(),
            k_padded,
            nullptr,
            nullptr,
            nullptr,
            block_scales.data(),
            block_sums.data(),
            x.data(),
            k_padded};
  }

  int trit(uint32_t row, uint32_t column) const {
    return column < k ? codes[size_t{row} * k + column] - 1 : 0;
  }

  /// y[token, row] by the documented order of operations.
  float result(uint32_t token, uint32_t row, bool floats) const {
    float part = 0.0f;
    float total = 0.0f;
    for (uint32_t column = 0; column < k_padded; column += kActivationBlock) {
      const size_t at = size_t{token} * k_padded + column;
      if (floats) {
        for (uint32_t j = 0; j < kActivationBlock; j++) {
          part = std::fma(static_cast<float>(trit(row, column + j)), x[at + j], part);
        }
      } else {
        int32_t dot = 0;
        for (uint32_t j = 0; j < kActivationBlock; j++) dot += trit(row, column + j) * q[at + j];
        part = std::fma(static_cast<float>(dot), block_scales[at / kActivationBlock], part);
      }
      if (group == 0 || (column + kActivationBlock) % group != 0) continue;
      const uint16_t scale = group_scales[(size_t{row} * k_padded + column) / group];
      total = std::fma(part, f16_to_f32(scale), total);
      part = 0.0f;
    }
    return (group == 0 ? part : total) * row_scales[row];
  }

  uint32_t n, m, k, k_padded, group;
  Bytes codes;
  Floats row_scales;
  std::vector<uint16_t> group_scales;
  std::vector<int8_t> q;
  Floats block_scales;
  std::vector<int32_t> block_sums;
  Floats x;
};

void check(const NamedTernary& named, const Problem& p, bool floats, unsigned n_threads) {
  const TernaryKernels& kernels = *named.kernels;
  PackedMatrix matrix(p.codes, p.n, p.k, 1.0f, kernels);
  matrix.view.row_scales = p.row_scales.data();
  if (p.group != 0) matrix.set_group_scales(p.group_scales, p.group, kernels.layout);
  const auto multiply = floats ? kernels.multiply_floats : kernels.multiply_blocks;
  Exact<uint8_t> scratch(kernels.scratch_bytes(p.k_padded), 0xee);
  const size_t stride = p.n + 5;
  Floats y(p.m * stride, kCanary);
  Floats expected = y;
  for (unsigned thread = 0; thread < n_threads; thread++) {
    const Share share = share_of(p.n, 16, thread, n_threads);
    multiply(matrix.view, p.input(), static_cast<uint32_t>(share.begin),
             static_cast<uint32_t>(share.end), y.data(), stride, scratch.data());
  }
  for (uint32_t i = 0; i < p.m; i++) {
    for (uint32_t r = 0; r < p.n; r++) expected[i * stride + r] = p.result(i, r, floats);
  }
  CHECK_BITS(y.data(), expected.data(), y.size(),
             named.name + (floats ? " floats" : " blocks") + " n " + std::to_string(p.n) + " m " +
                 std::to_string(p.m) + " k " + std::to_string(p.k) + " group " +
                 std::to_string(p.group));
}

BITNET_TEST(kernels_ternary_grouped) {
  uint32_t seed = 1;
  for (const uint32_t group : {0u, 64u, 128u}) {
    for (const uint32_t k : {32u, 100u, 128u, 384u, 1280u}) {
      for (const uint32_t n : {1u, 15u, 16u, 37u, 64u}) {
        for (const uint32_t m : {1u, 2u, 7u, 8u, 9u, 17u}) {
          const Problem problem(n, m, k, group, seed++);
          for (const NamedTernary& named : runnable_ternary_kernels()) {
            check(named, problem, false, 1 + m % 3);
            check(named, problem, true, 1 + m % 2);
          }
        }
      }
    }
  }
}

BITNET_TEST(kernels_ternary_grouped_many_tokens) {
  uint32_t seed = 1000;
  for (const uint32_t group : {0u, 64u, 128u}) {
    for (const uint32_t m : {24u, 47u, 48u, 49u, 97u}) {
      const Problem problem(40, m, 256, group, seed++);
      for (const NamedTernary& named : runnable_ternary_kernels()) {
        check(named, problem, false, 2);
      }
    }
  }
}

BITNET_TEST(kernels_ternary_grouped_extremes) {
  constexpr float kLeastScale = 0x1p-24f;  // of f16
  constexpr float kMostScale = 65504.0f;
  const std::vector<int8_t> inputs[] = {{127}, {-127}, {-128}, {127, -127}, {127, 127, -127, -127}};
  for (const uint32_t group : {0u, 128u}) {
    for (const uint32_t m : {1u, 8u, 50u}) {
      Problem problem(17, m, 256, group, m);
      for (const auto& codes : inputs) {
        for (const uint8_t weight : {uint8_t{0}, uint8_t{1}, uint8_t{2}}) {
          problem.fill(weight, codes, {kLeastScale, 0.0f, kMostScale});
          for (const NamedTernary& named : runnable_ternary_kernels()) {
            check(named, problem, false, 1);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace bitnet::selftest
