// What a KV type costs in accuracy: attention of one late position against exact attention on
// unrounded queries, keys and values, for inputs that are hard in different ways.

#include <cmath>
#include <cstdio>

#include "selftest/attention_head.h"

namespace bitnet::selftest {
namespace {

constexpr uint32_t kDims = 128;
constexpr uint32_t kPositions = 2040;

struct Input {
  const char* name;
  float score_scale;      ///< standard deviation of the scores
  bool outlier_channels;  ///< a few dimensions of keys and values four times as large
  bool sink;              ///< most of the weight on position 0, whose value is small
  double bounds[4];       ///< of f32, f16, bf16, int8
};

Head make_head(const Input& input) {
  Head head(kDims, 2, kPositions, 1.0f);
  Random random(11);
  for (Floats* part : {&head.q, &head.k, &head.v}) {
    for (float& x : *part) x = random.normal();
  }
  for (uint32_t d = 0; input.outlier_channels && d < 4; d++) {
    for (uint32_t j = 0; j < kPositions; j++) {
      // Queries answer with small numbers, as trained models do: scores keep their size.
      head.k[size_t{j} * kDims + 29 * d + 3] *= 4.0f;
      head.v[size_t{j} * kDims + 31 * d + 5] *= 4.0f;
    }
    for (size_t row = 0; row < size_t{kPositions} * head.group; row++) {
      head.q[row * kDims + 29 * d + 3] *= 0.25f;
    }
  }
  for (uint32_t d = 0; input.sink && d < kDims; d++) {
    head.k[d] = d == 0 ? 60.0f : 0.0f;
    head.v[d] *= 0.1f;
  }
  for (size_t row = 0; input.sink && row < size_t{kPositions} * head.group; row++) {
    head.q[row * kDims] = 2.0f;
  }
  for (float& x : head.q) x *= input.score_scale;
  return head;
}

BITNET_TEST(kernels_attention_error) {
  const Input inputs[] = {
      {"Gaussian", 1.0f, false, false, {1e-5, 5e-4, 6e-3, 2e-2}},
      {"peaked", 4.0f, false, false, {1e-5, 1e-3, 9e-3, 4e-2}},
      {"peaked, outlier channels", 4.0f, true, false, {1e-5, 1e-3, 1e-2, 6e-2}},
      {"sink", 2.0f, false, true, {1e-5, 1e-3, 1e-2, 4e-2}},
  };
  for (const Input& input : inputs) {
    const Head head = make_head(input);
    const ExactHead exact = unrounded(head);
    for (const KvType type : kKvTypes) {
      CachedHead cached(runnable_targets().front().table, type, head, Garbage::kRandom);
      cached.store(0, kPositions);
      const Floats got = cached.attend(kPositions - 1, kPositions);
      const double error = relative_error(head, exact, kPositions - 1, got.data());
      std::printf("  %s%s: relative error %.1e\n", input.name,
                  kKvTypeNames[static_cast<size_t>(type)], error);
      CHECK(error < input.bounds[static_cast<size_t>(type)]);
    }
  }
}

}  // namespace
}  // namespace bitnet::selftest
