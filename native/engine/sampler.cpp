#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/math.h"

namespace bitnet {
namespace {

/// Candidates that top-p looks at before it asks for more; few distributions need as many.
constexpr size_t kFirstCandidates = 256;
/// Beyond these, looking for the largest logits first costs as much as computing all.
constexpr int32_t kLongestShortlist = 64;
constexpr size_t kMostAlways = 2048;

template <class Candidate>
bool more_likely(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
}

/// A damaged model may give anything: NaN counts as ruled out, infinity as the largest number.
void make_comparable(float* logits, uint32_t n) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  constexpr float kRuledOut = -std::numeric_limits<float>::infinity();
  for (uint32_t i = 0; i < n; ++i) {
    const float number = logits[i] >= -kLargest ? logits[i] : kRuledOut;
    logits[i] = number < kLargest ? number : kLargest;
  }
}

/// Whether any of n logits exceeds the bound. Lanes let the compiler use vectors.
bool any_above(const float* logits, size_t n, float bound) {
  constexpr size_t kLanes = 16;
  float best[kLanes];
  std::fill_n(best, kLanes, bound);
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (size_t j = 0; j < kLanes; ++j) {
      best[j] = logits[i + j] > best[j] ? logits[i + j] : best[j];
    }
  }
  for (; i < n; ++i) best[0] = logits[i] > best[0] ? logits[i] : best[0];
  return *std::max_element(best, best + kLanes) > bound;
}

/// Rules out all tokens but those of the set, which has some. These stay possible whatever their
/// logits are: a bias may have ruled them out, but the others are forbidden.
void rule_out_others(float* logits, uint32_t vocab_size, const TokenSet& allowed) {
  constexpr float kLeast = std::numeric_limits<float>::lowest();
  constexpr float kRuledOut = -std::numeric_limits<float>::infinity();
  for (uint32_t begin = 0; begin < vocab_size; begin += kTokensPerWord) {
    const uint32_t end = std::min(begin + kTokensPerWord, vocab_size);
    const size_t i_word = begin / kTokensPerWord;
    const uint32_t word = i_word < allowed.size() ? allowed[i_word] : 0;
    for (uint32_t i = begin; i < end; ++i) {
      const bool is_allowed = (word >> (i - begin) & 1u) != 0;
      logits[i] = is_allowed ? std::max(logits[i], kLeast) : kRuledOut;
    }
  }
}

double mass_of(float distance) { return exp_exact(static_cast<double>(distance)); }

}  // namespace

Sampler::Sampler(SamplingParams params, uint32_t vocab_size)
    : params_(std::move(params)), vocab_size_(vocab_size), state_(params_.seed) {}

/// SplitMix64 (Steele, Lea and Flood, 2014), the upper 53 bits as a fraction in [0, 1).
double Sampler::next_uniform() {
  state_ += 0x9e3779b97f4a7c15u;
  uint64_t z = state_;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1p-53;
}

bool Sampler::penalises() const {
  const bool off = params_.repeat_penalty == 1.0f && params_.frequency_penalty == 0.0f &&
                   params_.presence_penalty == 0.0f;
  return !off && params_.repeat_last_n != 0;
}

size_t Sampler::penalty_window(const std::vector<int32_t>& history) const {
  if (params_.repeat_last_n < 0) return history.size();
  return std::min(history.size(), static_cast<size_t>(params_.repeat_last_n));
}

bool Sampler::shortlist(const std::vector<int32_t>& history, std::span<const int32_t> ahead,
                        Shortlist* out) const {
  const bool greedy = params_.temperature <= 0.0f;
  if (!greedy && (params_.top_k <= 0 || params_.top_k > kLongestShortlist)) return false;
  out->n = greedy ? 1 : static_cast<uint32_t>(params_.top_k);
  // Tokens whose logits are changed may rise or fall past others: their own are needed, and the n
  // largest of the rest.
  std::vector<int32_t>& always = out->always;
  always.clear();
  for (const auto& [token, bias] : params_.logit_bias) always.push_back(token);
  if (penalises()) {
    const auto window = static_cast<std::ptrdiff_t>(penalty_window(history));
    always.insert(always.end(), history.end() - window, history.end());
    always.insert(always.end(), ahead.begin(), ahead.end());
  }
  std::sort(always.begin(), always.end());
  always.erase(std::unique(always.begin(), always.end()), always.end());
  const size_t n_all = always.size() + out->n;
  return always.size() <= kMostAlways && n_all < vocab_size_;
}

void Sampler::penalise(float* logits, const std::vector<int32_t>& history) {
  if (!penalises()) return;
  counts_.assign(vocab_size_, 0);
  const auto recent = history.end() - static_cast<std::ptrdiff_t>(penalty_window(history));
  for (auto it = recent; it != history.end(); ++it) ++counts_[static_cast<size_t>(*it)];
  for (size_t i = 0; i < vocab_size_; ++i) {
    if (counts_[i] == 0) continue;
    float& logit = logits[i];
    logit = logit > 0.0f ? logit / params_.repeat_penalty : logit * params_.repeat_penalty;
    logit -= static_cast<float>(counts_[i]) * params_.frequency_penalty + params_.presence_penalty;
  }
}

/// The n most likely tokens, best first. Tokens that are ruled out (-infinity) and NaNs are left
/// out.
void Sampler::collect(const float* logits, size_t n) {
  // A heap with the least likely candidate on top: after the first few hundred tokens almost no
  // part of the vocabulary holds one above it.
  constexpr uint32_t kPart = 256;
  const auto by_likelihood = more_likely<Candidate>;
  candidates_.clear();
  float bound = -std::numeric_limits<float>::infinity();  // of the last candidate, once there are n
  for (uint32_t begin = 0; begin < vocab_size_; begin += kPart) {
    const uint32_t end = std::min(begin + kPart, vocab_size_);
    if (!any_above(logits + begin, end - begin, bound)) continue;
    for (uint32_t i = begin; i < end; ++i) {
      // A later token with the same logit is less likely.
      if (!(logits[i] > bound)) continue;
      if (candidates_.size() == n) {
        std::pop_heap(candidates_.begin(), candidates_.end(), by_likelihood);
        candidates_.pop_back();
      }
      candidates_.push_back({static_cast<int32_t>(i), logits[i]});
      std::push_heap(candidates_.begin(), candidates_.end(), by_likelihood);
      if (candidates_.size() == n) bound = candidates_.front().logit;
    }
  }
  std::sort_heap(candidates_.begin(), candidates_.end(), by_likelihood);
  if (candidates_.empty()) candidates_.push_back({0, 0.0f});  // all ruled out: any will do
}

int32_t Sampler::sample(float* logits, const std::vector<int32_t>& history,
                        const TokenSet& allowed) {
  make_comparable(logits, vocab_size_);
  for (const auto& [token, bias] : params_.logit_bias) {
    if (token >= 0 && static_cast<uint32_t>(token) < vocab_size_) logits[token] += bias;
  }
  penalise(logits, history);
  if (!allowed.empty()) rule_out_others(logits, vocab_size_, allowed);

  if (params_.temperature <= 0.0f) {
    collect(logits, 1);
    return candidates_.front().token;
  }
  const bool all = params_.top_k <= 0 || static_cast<uint32_t>(params_.top_k) >= vocab_size_;
  if (!all || params_.top_p >= 1.0f) {
    collect(logits, all ? vocab_size_ : static_cast<size_t>(params_.top_k));
    double mass = 0.0;
    for (const auto& c : candidates_) mass += mass_of(c.logit - candidates_.front().logit);
    return draw(mass);
  }
  // Without top-k, top-p needs the sum over everything but only the head of the order.
  const float best = *std::max_element(logits, logits + vocab_size_);
  double mass_of_all = 0.0;
  for (uint32_t i = 0; i < vocab_size_; ++i) mass_of_all += mass_of(logits[i] - best);
  for (size_t n = kFirstCandidates;; n *= 8) {
    collect(logits, std::min<size_t>(n, vocab_size_));
    double mass = 0.0;
    for (const auto& c : candidates_) mass += mass_of(c.logit - best);
    if (mass >= static_cast<double>(params_.top_p) * mass_of_all || n >= vocab_size_) {
      return draw(mass_of_all);
    }
  }
}

/// Top-p, min-p, temperature and the draw itself, on the sorted candidates. `mass_of_all` is the
/// sum that top-p takes its share of, in units of the most likely token's probability.
int32_t Sampler::draw(double mass_of_all) {
  const float best = candidates_.front().logit;
  size_t n = candidates_.size();
  if (params_.top_p < 1.0f) {
    double mass = 0.0;
    for (size_t i = 0; i < n; ++i) {
      mass += mass_of(candidates_[i].logit - best);
      if (mass >= static_cast<double>(params_.top_p) * mass_of_all) n = i + 1;
    }
  }
  while (n > 1 && mass_of(candidates_[n - 1].logit - best) < static_cast<double>(params_.min_p)) {
    --n;
  }
  weights_.clear();
  double total = 0.0;
  for (size_t i = 0; i < n; ++i) {
    weights_.push_back(mass_of((candidates_[i].logit - best) / params_.temperature));
    total += weights_.back();
  }
  double left = next_uniform() * total;
  for (size_t i = 0; i < n; ++i) {
    left -= weights_[i];
    if (left < 0.0) return candidates_[i].token;
  }
  return candidates_[n - 1].token;
}

double log_sum_exp(const float* logits, uint32_t n) {
  const float best = *std::max_element(logits, logits + n);
  double sum = 0.0;
  for (uint32_t i = 0; i < n; ++i) sum += exp_exact(static_cast<double>(logits[i] - best));
  return static_cast<double>(best) + log_exact(sum);
}

Logprobs logprobs_of(const float* logits, uint32_t vocab_size, int32_t token, uint32_t n_top) {
  const double total = log_sum_exp(logits, vocab_size);
  const auto logprob = [&](int32_t id) {
    return static_cast<float>(static_cast<double>(logits[id]) - total);
  };
  std::vector<int32_t> order(vocab_size);
  for (uint32_t i = 0; i < vocab_size; ++i) order[i] = static_cast<int32_t>(i);
  n_top = std::min(n_top, vocab_size);
  std::partial_sort(order.begin(), order.begin() + n_top, order.end(), [&](int32_t a, int32_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  });
  Logprobs result = {logprob(token), {}};
  for (uint32_t i = 0; i < n_top; ++i) result.top.push_back({order[i], logprob(order[i])});
  return result;
}

}  // namespace bitnet
