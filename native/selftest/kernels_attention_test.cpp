// Attention over the KV cache: every target against scalar bit by bit, any split of the tokens into
// batches against any other, scalar against a softmax in double precision.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/half.h"
#include "selftest/support.h"
#include "selftest/targets.h"

namespace bitnet::selftest {
namespace {

constexpr KvType kTypes[] = {KvType::kF32, KvType::kF16, KvType::kBF16};
constexpr const char* kTypeNames[] = {" f32", " f16", " bf16"};
constexpr double kLog2e = 1.4426950408889634;

/// Queries, keys and values of one KV head for some positions.
struct Head {
  Head(uint32_t dims, uint32_t n_group, uint32_t positions, float score_scale)
      : head_dim(dims),
        group(n_group),
        n(positions),
        q(size_t{n} * group * dims),
        k(size_t{n} * dims),
        v(size_t{n} * dims) {
    Random random(dims * 1009 + n_group * 31 + positions);
    for (float& x : q) x = random.bell() * score_scale;
    for (float& x : k) x = random.bell();
    for (float& x : v) x = random.bell();
    q_scale = static_cast<float>(kLog2e / std::sqrt(static_cast<double>(dims)));
  }

  uint32_t head_dim, group, n;
  Floats q;  // [n, group, head_dim]
  Floats k;  // [n, head_dim]
  Floats v;  // [n, head_dim]
  float q_scale = 0.0f;
};

/// What recycled chunks hold: finite, but anything. Such keys times queries overflow.
enum class Garbage { kZeros, kLargest, kRandom };

void fill(Exact<uint8_t>& chunk, KvType type, Garbage garbage, Random& random) {
  const size_t elem = type == KvType::kF32 ? 4 : 2;
  for (size_t i = 0; i + elem <= chunk.size(); i += elem) {
    const float size = garbage == Garbage::kLargest ? (type == KvType::kF32 ? 3e38f : 65504.0f)
                                                    : random.uniform() * 100.0f;
    const float value = garbage == Garbage::kZeros ? 0.0f : std::copysign(size, random.uniform());
    const uint16_t half = f32_to_f16(value);
    if (type == KvType::kF32) {
      std::memcpy(chunk.data() + i, &value, elem);
    } else {
      std::memcpy(chunk.data() + i, &half, elem);
    }
  }
}

/// One target's attention with a cache of its own. Values lie before keys here, and chunks are
/// exactly as large as the contract says.
class Attention {
 public:
  Attention(const KernelTable& table, KvType type, const Head& head, Garbage garbage)
      : kv_(table.kv[static_cast<size_t>(type)]),
        head_(head),
        part_(kv_chunk_bytes(head.head_dim, kv_.elem_bytes)) {
    Random random(5);
    for (uint32_t pos = 0; pos < head.n; pos += kKvChunk) {
      memory_.emplace_back(2 * part_);
      fill(memory_.back(), type, garbage, random);
    }
    for (const auto& chunk : memory_) chunks_.push_back(chunk.data());
  }

  void store(uint32_t begin, uint32_t end) { store(head_, begin, end); }
  void store(const Head& head, uint32_t begin, uint32_t end) {
    for (uint32_t pos = begin; pos < end; pos++) {
      const size_t at = size_t{pos} * head.head_dim;
      const Exact<float> k(head.k.data() + at, head.head_dim);
      const Exact<float> v(head.v.data() + at, head.head_dim);
      uint8_t* chunk = memory_[pos / kKvChunk].data();
      kv_.store(k.data(), v.data(), head_.head_dim, pos % kKvChunk, chunk + part_, chunk);
    }
  }

  /// Output of positions [begin, end), which have been stored: [n_tokens, group, head_dim].
  Floats attend(uint32_t begin, uint32_t end) {
    const size_t width = size_t{head_.group} * head_.head_dim;
    const size_t stride = width + 7;
    const uint32_t n_tokens = end - begin;
    Exact<float> q((n_tokens - 1) * stride + width);
    Exact<float> out(q.size(), kCanary);
    for (uint32_t t = 0; t < n_tokens; t++) {
      std::copy_n(head_.q.data() + (begin + t) * width, width, q.data() + t * stride);
    }
    Exact<float> scratch(attention_scratch_floats(size_t{n_tokens} * head_.group, head_.head_dim),
                         kNan);
    kv_.attend({q.data(), out.data(), stride, n_tokens, head_.group, head_.head_dim, begin,
                head_.q_scale, chunks_.data(), part_, 0, scratch.data()});
    Floats result;
    for (uint32_t t = 0; t < n_tokens; t++) {
      const float* row = out.data() + t * stride;
      result.insert(result.end(), row, row + width);
      if (t + 1 == n_tokens) break;
      for (size_t i = width; i < stride; i++) CHECK_EQ(row[i], kCanary);
    }
    return result;
  }

 private:
  const KvKernels& kv_;
  const Head& head_;
  size_t part_;
  std::vector<Exact<uint8_t>> memory_;
  std::vector<const uint8_t*> chunks_;
};

std::string describe(const KernelTable& table, KvType type, const Head& head, uint32_t begin,
                     uint32_t end) {
  return std::string(table.name) + kTypeNames[static_cast<size_t>(type)] + " head_dim " +
         std::to_string(head.head_dim) + " group " + std::to_string(head.group) + " positions " +
         std::to_string(begin) + ".." + std::to_string(end);
}

/// A key or value as the cache holds it.
float stored(KvType type, float x) {
  if (type == KvType::kF16) return f16_to_f32(f32_to_f16(x));
  return type == KvType::kBF16 ? bf16_to_f32(f32_to_bf16(x)) : x;
}

/// |got - softmax(q k) v| / |softmax(q k) v| over the rows of one position.
double relative_error(const Head& head, KvType type, uint32_t pos, const float* got) {
  const auto rounded = [&](float x) { return static_cast<double>(stored(type, x)); };
  double error = 0.0;
  double size = 0.0;
  for (uint32_t h = 0; h < head.group; h++) {
    const float* q = head.q.data() + (size_t{pos} * head.group + h) * head.head_dim;
    std::vector<double> weight(pos + 1);
    double best = -1e300;
    for (uint32_t j = 0; j <= pos; j++) {
      double score = 0.0;
      for (uint32_t d = 0; d < head.head_dim; d++) {
        score += static_cast<double>(q[d]) * rounded(head.k[size_t{j} * head.head_dim + d]);
      }
      weight[j] = score / std::sqrt(static_cast<double>(head.head_dim));
      best = std::max(best, weight[j]);
    }
    double total = 0.0;
    for (double& w : weight) total += w = std::exp(w - best);
    for (uint32_t d = 0; d < head.head_dim; d++) {
      double exact = 0.0;
      for (uint32_t j = 0; j <= pos; j++) {
        exact += weight[j] / total * rounded(head.v[size_t{j} * head.head_dim + d]);
      }
      const double difference = static_cast<double>(got[size_t{h} * head.head_dim + d]) - exact;
      error += difference * difference;
      size += exact * exact;
    }
  }
  return std::sqrt(error / size);
}

/// Scores are rounded before the exponential: the bound grows with their size, some 4 *
/// score_scale.
/// BF16 rounds queries and probabilities, too.
double error_bound(KvType type, float score_scale) {
  if (type == KvType::kBF16) return 1e-2 * std::max(1.0, static_cast<double>(score_scale) / 3.0);
  return score_scale <= 6.0f ? 1e-5 : 4e-5;
}

BITNET_TEST(kernels_attention) {
  const float scales[] = {1.0f, 6.0f, 40.0f};
  size_t n_heads = 0;
  for (const KvType type : kTypes) {
    for (const uint32_t head_dim : {2u, 16u, 24u, 32u, 64u, 96u, 100u, 128u, 256u}) {
      for (const uint32_t group : {1u, 2u, 3u, 4u, 5u, 8u}) {
        const float score_scale = scales[n_heads++ % 3];
        const Head head(head_dim, group, 200, score_scale);
        Attention scalar(scalar_target(), type, head, Garbage::kLargest);
        scalar.store(0, head.n);
        std::vector<Attention> targets;
        for (const Kernels& target : runnable_targets()) {
          targets.emplace_back(target.table, type, head, Garbage::kRandom);
          targets.back().store(0, head.n);
        }
        for (const uint32_t end : {1u, 2u, 15u, 16u, 17u, 63u, 64u, 65u, 127u, 129u, 200u}) {
          const uint32_t begin = end - std::min(end, 1 + (end + group) % 3);
          const Floats expected = scalar.attend(begin, end);
          CHECK(relative_error(head, type, begin, expected.data()) <
                error_bound(type, score_scale));
          for (size_t i = 0; i < targets.size(); i++) {
            const Floats got = targets[i].attend(begin, end);
            CHECK_BITS(got.data(), expected.data(), expected.size(),
                       describe(runnable_targets()[i].table, type, head, begin, end));
          }
        }
      }
    }
  }
}

/// Outputs of all positions, stored and attended to in batches that end at `ends`.
Floats in_batches(const KernelTable& table, KvType type, const Head& head, Garbage garbage,
                  const std::vector<uint32_t>& ends) {
  Attention attention(table, type, head, garbage);
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

std::vector<uint32_t> random_ends(uint32_t n, uint32_t most, uint32_t seed) {
  Random random(seed);
  std::vector<uint32_t> ends;
  for (uint32_t end = 0; end < n;) {
    end = std::min(n, end + 1 + random.below(most));
    ends.push_back(end);
  }
  return ends;
}

BITNET_TEST(kernels_attention_batches) {
  struct Shape {
    uint32_t head_dim;
    uint32_t group;
    float score_scale;
  };
  for (const KvType type : kTypes) {
    for (const Shape& shape : {Shape{16, 5, 40.0f}, Shape{32, 3, 1.0f}, Shape{64, 2, 6.0f},
                               Shape{100, 2, 40.0f}, Shape{128, 1, 6.0f}}) {
      const Head head(shape.head_dim, shape.group, 200, shape.score_scale);
      std::vector<uint32_t> one_by_one;
      for (uint32_t end = 1; end <= head.n; end++) one_by_one.push_back(end);
      const Floats expected = in_batches(scalar_target(), type, head, Garbage::kZeros, one_by_one);
      double worst = 0.0;
      const size_t width = size_t{head.group} * head.head_dim;
      for (uint32_t pos = 0; pos < head.n; pos++) {
        worst = std::max(worst, relative_error(head, type, pos, expected.data() + pos * width));
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
      for (const KvType type : kTypes) {
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
  // A bf16 cache is always finite: what an infinite value left in a chunk must not reach the
  // sequence that has it next.
  Head head(64, 4, 11, 1.0f);
  Head damaged(64, 4, 64, 1.0f);
  std::fill(damaged.v.begin(), damaged.v.end(), kInfinity);
  std::fill(damaged.k.begin(), damaged.k.end(), -kInfinity);
  for (const Kernels& target : runnable_targets()) {
    Attention clean(target.table, KvType::kBF16, head, Garbage::kZeros);
    Attention reused(target.table, KvType::kBF16, head, Garbage::kZeros);
    reused.store(damaged, 0, damaged.n);
    clean.store(0, head.n);
    reused.store(0, head.n);
    const Floats expected = clean.attend(0, head.n);
    const Floats got = reused.attend(0, head.n);
    CHECK_BITS(got.data(), expected.data(), expected.size(),
               describe(target.table, KvType::kBF16, head, 0, head.n));
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
      for (const KvType type : kTypes) {
        Attention attention(target.table, type, head, Garbage::kRandom);
        attention.store(0, 1);
        const Floats got = attention.attend(0, 1);
        for (uint32_t d = 0; d < kDims; d++) {
          CHECK_EQ(got[d], stored(type, head.v[d]));
        }
      }
    }
  }
}

}  // namespace
}  // namespace bitnet::selftest
