// Attention over the KV cache: every target against scalar bit by bit, any split of the tokens into
// batches against any other, both halves in parts against the whole, scalar against a softmax in
// double precision.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/half.h"
#include "selftest/attention_head.h"
#include "selftest/support.h"
#include "selftest/targets.h"

namespace bitnet::selftest {
namespace {

std::string describe(const KernelTable& table, KvType type, const Head& head, uint32_t begin,
                     uint32_t end) {
  return std::string(table.name) + kKvTypeNames[static_cast<size_t>(type)] + " head_dim " +
         std::to_string(head.head_dim) + " group " + std::to_string(head.group) + " positions " +
         std::to_string(begin) + ".." + std::to_string(end);
}

/// Error against exact arithmetic on what the cache holds. Scores are rounded before the
/// exponential: the bound grows with their size, some 4 * score_scale. BF16 rounds queries and
/// probabilities, too; int8 rounds probabilities to 1/255 of a chunk's largest.
double error_bound(KvType type, float score_scale) {
  if (type == KvType::kInt8) return 2e-2;
  if (type == KvType::kBF16) return 1e-2 * std::max(1.0, static_cast<double>(score_scale) / 3.0);
  return score_scale <= 6.0f ? 1e-5 : 4e-5;
}

std::vector<uint32_t> random_ends(uint32_t n, uint32_t most, uint32_t seed) {
  Random random(seed);
  std::vector<uint32_t> ends;
  for (uint32_t end = 0; end < n;) {
    end = std::min(n, end + 1 + random.below(most));
    ends.push_back(end);
  }
  return ends;
}

/// Random parts of both halves.
Halves random_halves(uint32_t n_positions, uint32_t head_dim, uint32_t seed) {
  return {random_ends((n_positions + kKvChunk - 1) / kKvChunk, 3, seed),
          random_ends(kv_padded_head_dim(head_dim) / kKvLane, 4, seed + 1)};
}

BITNET_TEST(kernels_attention) {
  const float scales[] = {1.0f, 6.0f, 40.0f};
  size_t n_heads = 0;
  for (const KvType type : kKvTypes) {
    for (const uint32_t head_dim : {2u, 16u, 24u, 32u, 64u, 96u, 100u, 128u, 256u}) {
      for (const uint32_t group : {1u, 2u, 3u, 4u, 5u, 8u}) {
        const float score_scale = scales[n_heads++ % 3];
        const Head head(head_dim, group, 200, score_scale);
        CachedHead scalar(scalar_target(), type, head, Garbage::kLargest);
        scalar.store(0, head.n);
        std::vector<CachedHead> targets;
        for (const Kernels& target : runnable_targets()) {
          targets.emplace_back(target.table, type, head, Garbage::kRandom);
          targets.back().store(0, head.n);
        }
        for (const uint32_t end : {1u, 2u, 15u, 16u, 17u, 63u, 64u, 65u, 127u, 129u, 200u}) {
          const uint32_t begin = end - std::min(end, 1 + (end + group) % 3);
          const Floats expected = scalar.attend(begin, end);
          CHECK(relative_error(head, as_stored(head, type), begin, expected.data()) <
                error_bound(type, score_scale));
          const Halves halves = random_halves(end, head_dim, end + group);
          for (size_t i = 0; i < targets.size(); i++) {
            const auto what = describe(runnable_targets()[i].table, type, head, begin, end);
            const Floats got = targets[i].attend(begin, end);
            CHECK_BITS(got.data(), expected.data(), expected.size(), what);
            const Floats in_parts = targets[i].attend(begin, end, &halves);
            CHECK_BITS(in_parts.data(), expected.data(), expected.size(), what + " in parts");
          }
        }
      }
    }
  }
}

/// Outputs of all positions, stored and attended to in batches that end at `ends`.
Floats in_batches(const KernelTable& table, KvType type, const Head& head, Garbage garbage,
                  const std::vector<uint32_t>& ends) {
  CachedHead attention(table, type, head, garbage);
  Floats all;
  uint32_t begin = 0;
  for (const uint32_t end : ends) {
    attention.store(begin, end);
    const Floats part = attention.attend(begin, end);
    all.insert(all.end(), part.begin(), part.end());
    begin = end;
  }
  return all;
}

BITNET_TEST(kernels_attention_batches) {
  struct Shape {
    uint32_t head_dim;
    uint32_t group;
    float score_scale;
  };
  for (const KvType type : kKvTypes) {
    for (const Shape& shape : {Shape{16, 5, 40.0f}, Shape{32, 3, 1.0f}, Shape{64, 2, 6.0f},
                               Shape{100, 2, 40.0f}, Shape{128, 1, 6.0f}}) {
      const Head head(shape.head_dim, shape.group, 200, shape.score_scale);
      std::vector<uint32_t> one_by_one;
      for (uint32_t end = 1; end <= head.n; end++) one_by_one.push_back(end);
      const Floats expected = in_batches(scalar_target(), type, head, Garbage::kZeros, one_by_one);
      double worst = 0.0;
      const size_t width = size_t{head.group} * head.head_dim;
      for (uint32_t pos = 0; pos < head.n; pos++) {
        worst = std::max(
            worst, relative_error(head, as_stored(head, type), pos, expected.data() + pos * width));
      }
      CHECK(worst < error_bound(type, shape.score_scale));

      const std::vector<std::vector<uint32_t>> splits = {{head.n},
                                                         random_ends(head.n, 40, 1),
                                                         {63, 64, 65, 127, 129, head.n},
                                                         random_ends(head.n, 5, 2),
                                                         one_by_one};
      for (const Kernels& target : runnable_targets()) {
        const bool slow = target.table.parent == nullptr;
        for (size_t i = 0; i < (slow ? 2 : splits.size()); i++) {
          const Garbage garbage = i % 2 == 0 ? Garbage::kLargest : Garbage::kRandom;
          const Floats got = in_batches(target.table, type, head, garbage, splits[i]);
          CHECK_BITS(got.data(), expected.data(), expected.size(),
                     describe(target.table, type, head, 0, head.n) + " split " + std::to_string(i));
        }
      }
    }
  }
}

BITNET_TEST(kernels_attention_tiny_values) {
  // Operands around 2^-50 and far below, and outputs that each chunk's larger scores take down
  // further: vector units would carry on with subnormal numbers where tiles go on with 0.
  for (const float size : {1.0f, 1e-15f, 1e-18f, 1e-40f}) {
    for (const float growth : {0.0f, 4.0f}) {
      Head head(64, 2, 200, 1.0f);
      Random random(31);
      for (uint32_t pos = 0; pos < head.n; pos++) {
        const uint32_t chunk = pos / kKvChunk;
        for (uint32_t d = 0; d < head.head_dim; d++) {
          float& k = head.k[size_t{pos} * head.head_dim + d];
          float& v = head.v[size_t{pos} * head.head_dim + d];
          k = k * size + growth * static_cast<float>(chunk);
          v = d % 8 < chunk ? 0.0f : std::ldexp(v, -static_cast<int>(random.below(80)));
        }
      }
      if (growth != 0.0f) {
        std::fill(head.q.begin(), head.q.end(), 1.0f);  // 46 binary orders from chunk to chunk
      }
      for (float& q : head.q) q *= growth == 0.0f ? size : 1.0f;
      for (const KvType type : kKvTypes) {
        const auto outputs = [&](const KernelTable& table) {
          return in_batches(table, type, head, Garbage::kLargest, {70, 128, 133, head.n});
        };
        const Floats expected = outputs(scalar_target());
        for (const Kernels& target : runnable_targets()) {
          const Floats got = outputs(target.table);
          CHECK_BITS(got.data(), expected.data(), expected.size(),
                     describe(target.table, type, head, 0, head.n));
        }
      }
    }
  }
}

BITNET_TEST(kernels_attention_infinite_leftovers) {
  // Bf16 and int8 caches are always finite: what an infinite value left in a chunk must not reach
  // the sequence that has it next.
  Head head(64, 4, 11, 1.0f);
  Head damaged(64, 4, 64, 1.0f);
  std::fill(damaged.v.begin(), damaged.v.end(), kInfinity);
  std::fill(damaged.k.begin(), damaged.k.end(), -kInfinity);
  for (const Kernels& target : runnable_targets()) {
    for (const KvType type : {KvType::kBF16, KvType::kInt8}) {
      CachedHead clean(target.table, type, head, Garbage::kZeros);
      CachedHead reused(target.table, type, head, Garbage::kZeros);
      reused.store(damaged, 0, damaged.n);
      clean.store(0, head.n);
      reused.store(0, head.n);
      const Floats expected = clean.attend(0, head.n);
      const Floats got = reused.attend(0, head.n);
      CHECK_BITS(got.data(), expected.data(), expected.size(),
                 describe(target.table, type, head, 0, head.n));
    }
  }
}

BITNET_TEST(kernels_attention_one_position) {
  // With a query of zeros the only weight is exactly 1 and the output is the stored value: it shows
  // how a target rounds to half precision.
  constexpr uint32_t kDims = 256;
  Random random(77);
  for (int round = 0; round < 50; round++) {
    Head head(kDims, 1, 1, 0.0f);
    for (uint32_t d = 0; d < kDims; d++) {
      const auto half = static_cast<uint16_t>(random.below(0x7bff));
      const float low = f16_to_f32(half);
      const float high = f16_to_f32(static_cast<uint16_t>(half + 1));
      const float tie = (low + high) / 2.0f;
      const float any = std::ldexp(random.uniform(), static_cast<int>(random.below(44)) - 28);
      const float choices[] = {any, tie, std::nextafter(tie, high), std::nextafter(tie, low)};
      head.v[d] = (random.below(2) == 0 ? 1.0f : -1.0f) * choices[d % 4];
    }
    for (const Kernels& target : runnable_targets()) {
      for (const KvType type : kKvTypes) {
        CachedHead attention(target.table, type, head, Garbage::kRandom);
        attention.store(0, 1);
        const Floats got = attention.attend(0, 1);
        const std::vector<double> values = as_stored(head, type).v;
        for (uint32_t d = 0; d < kDims; d++) {
          const double expected = values[d];
          // Int8 weights and steps are rounded once each.
          const double most = type == KvType::kInt8 ? 3e-7 * std::fabs(expected) : 0.0;
          CHECK(std::fabs(static_cast<double>(got[d]) - expected) <= most);
        }
      }
    }
  }
}

}  // namespace
}  // namespace bitnet::selftest
