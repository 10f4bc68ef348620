#pragma once

// One KV head with its cache, for the tests of the attention kernels.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "base/half.h"
#include "selftest/support.h"
#include "selftest/targets.h"

namespace bitnet::selftest {

constexpr KvType kKvTypes[] = {KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kInt8};
constexpr const char* kKvTypeNames[] = {" f32", " f16", " bf16", " int8"};
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

inline void fill(Exact<uint8_t>& chunk, KvType type, Garbage garbage, Random& random) {
  // Where there are floats among bytes, these floats are bytes to the rest.
  const bool floats = type == KvType::kF32 || type == KvType::kInt8;
  const size_t elem = floats ? 4 : 2;
  for (size_t i = 0; i + elem <= chunk.size(); i += elem) {
    const float size =
        garbage == Garbage::kLargest ? (floats ? 3e38f : 65504.0f) : random.uniform() * 100.0f;
    const float value = garbage == Garbage::kZeros ? 0.0f : std::copysign(size, random.uniform());
    const uint16_t half = f32_to_f16(value);
    if (floats) {
      std::memcpy(chunk.data() + i, &value, elem);
    } else {
      std::memcpy(chunk.data() + i, &half, elem);
    }
  }
}

/// How the threads share the two halves: where the parts of each end.
struct Halves {
  std::vector<uint32_t> chunk_ends;
  std::vector<uint32_t> lane_ends;
};

/// One target's attention with a cache of its own. Values lie before keys here, and chunks are
/// exactly as large as the contract says.
class CachedHead {
 public:
  CachedHead(const KernelTable& table, KvType type, const Head& head, Garbage garbage)
      : kv_(table.kv[static_cast<size_t>(type)]),
        head_(head),
        part_(kv_chunk_bytes(head.head_dim, kv_)) {
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

  /// Output of positions [begin, end), which have been stored: [n_tokens, group, head_dim]. At once
  /// or, given halves, in parts.
  Floats attend(uint32_t begin, uint32_t end, const Halves* halves = nullptr) {
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
    const AttentionArgs args = {q.data(),       out.data(),     stride, n_tokens,
                                head_.group,    head_.head_dim, begin,  head_.q_scale,
                                chunks_.data(), part_,          0,      scratch.data()};
    if (halves == nullptr) {
      kv_.attend(args);
    } else {
      attend_in_parts(args, *halves);
    }
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
  /// Each part with a scratch memory of its own, the last part first.
  void attend_in_parts(AttentionArgs args, const Halves& halves) {
    const size_t n_rows = size_t{args.n_tokens} * args.group;
    const size_t n_chunks = (args.first_pos + args.n_tokens + kKvChunk - 1) / kKvChunk;
    Exact<float> weights(n_chunks * n_rows * kWeightFloats, kNan);
    const auto each = [&](const std::vector<uint32_t>& ends, auto&& part) {
      for (size_t i = ends.size(); i-- > 0;) {
        Exact<float> scratch(attention_scratch_floats(n_rows, args.head_dim), kNan);
        args.scratch = scratch.data();
        part(i == 0 ? 0 : ends[i - 1], ends[i]);
      }
    };
    each(halves.chunk_ends,
         [&](uint32_t begin, uint32_t end) { kv_.weigh(args, begin, end, weights.data()); });
    each(halves.lane_ends,
         [&](uint32_t begin, uint32_t end) { kv_.mix(args, begin, end, weights.data()); });
  }

  const KvKernels& kv_;
  const Head& head_;
  size_t part_;
  std::vector<Exact<uint8_t>> memory_;
  std::vector<const uint8_t*> chunks_;
};

/// Queries, keys and values in double precision.
struct ExactHead {
  std::vector<double> q, k, v;
};

inline ExactHead unrounded(const Head& head) {
  return {{head.q.begin(), head.q.end()},
          {head.k.begin(), head.k.end()},
          {head.v.begin(), head.v.end()}};
}

/// Rows of head_dim numbers as int8 codes times a scale.
inline std::vector<double> as_int8(const Floats& x, uint32_t head_dim) {
  std::vector<double> rounded;
  for (size_t row = 0; row < x.size(); row += head_dim) {
    float absmax = 0.0f;
    for (uint32_t d = 0; d < head_dim; d++) absmax = std::max(absmax, std::fabs(x[row + d]));
    const float step = absmax / 127.0f;
    for (uint32_t d = 0; d < head_dim; d++) {
      const float code = absmax > 0.0f ? std::nearbyint(x[row + d] * (127.0f / absmax)) : 0.0f;
      rounded.push_back(static_cast<double>(code) * static_cast<double>(step));
    }
  }
  return rounded;
}

/// The head as a cache of this type holds it; int8 rounds queries, too.
inline ExactHead as_stored(const Head& head, KvType type) {
  ExactHead exact = unrounded(head);
  const auto each = [&](const Floats& from, std::vector<double>& to, auto&& round) {
    for (size_t i = 0; i < from.size(); i++) to[i] = static_cast<double>(round(from[i]));
  };
  const auto f16 = [](float x) { return f16_to_f32(f32_to_f16(x)); };
  const auto bf16 = [](float x) { return bf16_to_f32(f32_to_bf16(x)); };
  switch (type) {
    case KvType::kF32:
      break;
    case KvType::kF16:
      each(head.k, exact.k, f16);
      each(head.v, exact.v, f16);
      break;
    case KvType::kBF16:
      each(head.k, exact.k, bf16);
      each(head.v, exact.v, bf16);
      break;
    case KvType::kInt8:
      exact = {as_int8(head.q, head.head_dim), as_int8(head.k, head.head_dim),
               as_int8(head.v, head.head_dim)};
  }
  return exact;
}

/// |got - softmax(q k) v| / |softmax(q k) v| over the rows of one position.
inline double relative_error(const Head& head, const ExactHead& exact, uint32_t pos,
                             const float* got) {
  const uint32_t dims = head.head_dim;
  double error = 0.0;
  double size = 0.0;
  for (uint32_t h = 0; h < head.group; h++) {
    const double* q = exact.q.data() + (size_t{pos} * head.group + h) * dims;
    std::vector<double> weight(pos + 1);
    double best = -1e300;
    for (uint32_t j = 0; j <= pos; j++) {
      double score = 0.0;
      for (uint32_t d = 0; d < dims; d++) score += q[d] * exact.k[size_t{j} * dims + d];
      weight[j] = score / std::sqrt(static_cast<double>(dims));
      best = std::max(best, weight[j]);
    }
    double total = 0.0;
    for (double& w : weight) total += w = std::exp(w - best);
    for (uint32_t d = 0; d < dims; d++) {
      double expected = 0.0;
      for (uint32_t j = 0; j <= pos; j++) {
        expected += weight[j] / total * exact.v[size_t{j} * dims + d];
      }
      const double difference = static_cast<double>(got[size_t{h} * dims + d]) - expected;
      error += difference * difference;
      size += expected * expected;
    }
  }
  return std::sqrt(error / size);
}

}  // namespace bitnet::selftest
