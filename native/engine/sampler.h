#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "engine/token_set.h"
#include "model/coarse_head.h"

namespace bitnet {

/// Applied in this order: bias, penalties, top-k, top-p, min-p, temperature, draw. The meanings are
/// those of llama.cpp, so that settings carry over.
struct SamplingParams {
  float temperature = 0.8f;  ///< 0 chooses the most likely token
  int32_t top_k = 40;        ///< 0 keeps all
  float top_p = 0.95f;       ///< 1 keeps all
  float min_p = 0.05f;       ///< 0 keeps all
  float repeat_penalty = 1.0f;
  int32_t repeat_last_n = 64;  ///< tokens looked back on by the penalties; -1: all
  float frequency_penalty = 0.0f;
  float presence_penalty = 0.0f;
  uint64_t seed = 0;
  std::vector<std::pair<int32_t, float>> logit_bias;
};

struct TokenLogprob {
  int32_t token;
  float logprob;
};

/// Chooses tokens. The same seed, parameters and logits give the same tokens on every machine:
/// the generator and the exponential are our own, ties go to the lower token id.
class Sampler {
 public:
  Sampler(SamplingParams params, uint32_t vocab_size);

  /// `logits` [vocab_size] are overwritten. `history` are the tokens so far, prompt included.
  /// `allowed`, when not empty, are the only tokens that may be chosen; it has one of them at
  /// least.
  int32_t sample(float* logits, const std::vector<int32_t>& history, const TokenSet& allowed);

  /// The logits that `sample` will look at, however the others stand; false when it needs all.
  /// `history` as for `sample`; some of the tokens `ahead` may have joined it by then.
  bool shortlist(const std::vector<int32_t>& history, std::span<const int32_t> ahead,
                 Shortlist* out) const;

 private:
  struct Candidate {
    int32_t token;
    float logit;
  };
  bool penalises() const;
  size_t penalty_window(const std::vector<int32_t>& history) const;
  void penalise(float* logits, const std::vector<int32_t>& history);
  void collect(const float* logits, size_t n);
  int32_t draw(double mass_of_all);
  double next_uniform();

  SamplingParams params_;
  uint32_t vocab_size_;
  uint64_t state_;
  std::vector<Candidate> candidates_;
  std::vector<double> weights_;
  std::vector<uint32_t> counts_;  // of each token in the penalty window
};

/// Natural-log probabilities of `token` and of the `n_top` most likely tokens under
/// softmax(logits).
struct Logprobs {
  float chosen;
  std::vector<TokenLogprob> top;
};
Logprobs logprobs_of(const float* logits, uint32_t vocab_size, int32_t token, uint32_t n_top);

/// log(sum(exp(logits))), accumulated in double from left to right.
double log_sum_exp(const float* logits, uint32_t n);

}  // namespace bitnet
