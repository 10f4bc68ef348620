// The sampler against its steps written out slowly, and against exact probabilities.

#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "selftest/support.h"
#include "selftest/token_sets.h"

namespace bitnet::selftest {
namespace {

using Tokens = std::vector<int32_t>;

SamplingParams plain() {
  SamplingParams params;
  params.temperature = 1.0f;
  params.top_k = 0;
  params.top_p = 1.0f;
  params.min_p = 0.0f;
  return params;
}

SamplingParams greedy() {
  SamplingParams params;
  params.temperature = 0.0f;
  return params;
}

Floats bell_logits(uint32_t n, float size, uint32_t seed) {
  Random random(seed);
  Floats logits(n);
  for (float& logit : logits) logit = random.bell() * size;
  return logits;
}

int32_t choose(Sampler& sampler, Floats logits, const Tokens& allowed = {}) {
  return sampler.sample(logits.data(), {}, set_of(allowed));
}

int32_t choose(const SamplingParams& params, const Floats& logits, const Tokens& allowed = {}) {
  Sampler sampler(params, static_cast<uint32_t>(logits.size()));
  return choose(sampler, logits, allowed);
}

Tokens choose_many(const SamplingParams& params, const Floats& logits, size_t n) {
  Sampler sampler(params, static_cast<uint32_t>(logits.size()));
  Tokens tokens(n);
  for (int32_t& token : tokens) token = choose(sampler, logits);
  return tokens;
}

// ---- greedy ----------------------------------------------------------------------------------

BITNET_TEST(sampler_greedy) {
  for (uint32_t seed = 1; seed < 50; seed++) {
    const Floats logits = bell_logits(1 + seed * 7, 4.0f, seed);
    const auto best = std::max_element(logits.begin(), logits.end());
    CHECK_EQ(choose(greedy(), logits), static_cast<int32_t>(best - logits.begin()));
  }
  CHECK_EQ(choose(greedy(), {1.0f, 3.0f, 3.0f, 2.0f, 3.0f}), 1);
  CHECK_EQ(choose(greedy(), {-0.0f, 0.0f}), 0);
  CHECK_EQ(choose(greedy(), {5.0f}), 0);
}

BITNET_TEST(sampler_greedy_incomparable) {
  CHECK_EQ(choose(greedy(), {kNan, 1.0f, kNan, 2.0f, kNan}), 3);
  CHECK_EQ(choose(greedy(), {-kInfinity, -kInfinity, -1e38f, -kInfinity}), 2);
  CHECK_EQ(choose(greedy(), {1.0f, kInfinity, 2.0f}), 1);
  CHECK_EQ(choose(greedy(), {kNan, kNan}), 0);
  CHECK_EQ(choose(greedy(), {-kInfinity, -kInfinity}), 0);
}

// ---- the generator ---------------------------------------------------------------------------

BITNET_TEST(sampler_same_seed) {
  const Floats logits = bell_logits(500, 3.0f, 9);
  SamplingParams params;
  params.seed = 42;
  const Tokens first = choose_many(params, logits, 200);
  CHECK(choose_many(params, logits, 200) == first);
  params.seed = 43;
  CHECK(choose_many(params, logits, 200) != first);
}

std::string joined(const Tokens& tokens) {
  std::string text;
  for (const int32_t token : tokens) {
    if (!text.empty()) text += ' ';
    text += std::to_string(token);
  }
  return text;
}

BITNET_TEST(sampler_same_tokens_on_every_machine) {
  const Floats logits = bell_logits(1000, 3.0f, 10);
  SamplingParams params;
  params.seed = 1;
  CHECK_EQ(joined(choose_many(params, logits, 16)),
           "208 776 422 388 388 776 167 91 788 785 388 176 32 91 388 545");
  params = plain();
  params.seed = 0xfedcba9876543210u;
  params.temperature = 1.7f;
  CHECK_EQ(joined(choose_many(params, logits, 16)),
           "683 788 500 373 951 788 758 91 758 176 329 545 859 42 103 903");
  params.top_p = 0.8f;
  CHECK_EQ(joined(choose_many(params, logits, 16)),
           "262 545 605 979 91 545 32 639 32 639 267 545 3 475 800 235");
}

// ---- distributions ---------------------------------------------------------------------------

/// Probability of each token by the documented order: top-k, top-p, min-p, temperature.
std::vector<double> probabilities(const SamplingParams& params, const Floats& logits) {
  std::vector<size_t> order(logits.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  });
  const auto mass = [&](size_t i, double temperature) {
    const auto distance = static_cast<double>(logits[order[i]] - logits[order[0]]);
    return std::exp(distance / temperature);
  };
  size_t n = order.size();
  if (params.top_k > 0) n = std::min(n, static_cast<size_t>(params.top_k));
  double total = 0.0;
  for (size_t i = 0; i < n; i++) total += mass(i, 1.0);
  double before = 0.0;
  size_t kept = 0;
  for (; kept < n && before < static_cast<double>(params.top_p) * total; kept++) {
    before += mass(kept, 1.0);
  }
  n = std::max<size_t>(kept, 1);
  while (n > 1 && mass(n - 1, 1.0) < static_cast<double>(params.min_p)) n--;
  std::vector<double> p(logits.size(), 0.0);
  total = 0.0;
  for (size_t i = 0; i < n; i++) total += mass(i, static_cast<double>(params.temperature));
  for (size_t i = 0; i < n; i++) {
    p[order[i]] = mass(i, static_cast<double>(params.temperature)) / total;
  }
  return p;
}

/// How many standard deviations a chi-square statistic lies above its mean (Wilson and Hilferty).
double deviations(double chi_square, double freedom) {
  const double variance = 2.0 / (9.0 * freedom);
  return (std::cbrt(chi_square / freedom) - (1.0 - variance)) / std::sqrt(variance);
}

/// Chi-square of draws against exact probabilities. The seeds are fixed: what passes once passes
/// always.
void check_distribution(const std::string& name, const SamplingParams& params,
                        const Floats& logits) {
  constexpr size_t kDraws = 4000;
  const std::vector<double> p = probabilities(params, logits);
  std::vector<double> counts(logits.size(), 0.0);
  for (const int32_t token : choose_many(params, logits, kDraws)) {
    counts[static_cast<size_t>(token)] += 1.0;
  }
  double chi_square = 0.0;
  double freedom = -1.0;
  double rare_expected = 0.0;
  double rare_count = 0.0;
  for (size_t i = 0; i < p.size(); i++) {
    const double expected = p[i] * static_cast<double>(kDraws);
    if (expected == 0.0) {
      if (counts[i] != 0.0) record_failure(__FILE__, __LINE__, name + ": impossible token");
    } else if (expected < 5.0) {
      rare_expected += expected;
      rare_count += counts[i];
    } else {
      chi_square += (counts[i] - expected) * (counts[i] - expected) / expected;
      freedom += 1.0;
    }
  }
  if (rare_expected >= 5.0) {
    chi_square += (rare_count - rare_expected) * (rare_count - rare_expected) / rare_expected;
    freedom += 1.0;
  }
  count_check();
  if (freedom > 0.0 && deviations(chi_square, freedom) > 4.0) {
    record_failure(__FILE__, __LINE__,
                   name + ": chi-square " + value_text(chi_square) + " with " +
                       value_text(freedom) + " degrees of freedom");
  }
}

BITNET_TEST(sampler_distributions) {
  const Floats few = {1.0f, 0.5f, -0.3f, 2.0f, -1.0f, 0.5f, -4.0f, 1.9f};
  const Floats flat(4, 1.5f);  // shares are exact: 0.5 of it is two tokens
  const Floats many = bell_logits(60, 2.0f, 3);
  uint64_t seed = 100;
  for (const Floats& logits : {few, flat, many}) {
    for (const int32_t top_k : {0, 1, 3, 7, 1000}) {
      for (const float top_p : {1.0f, 0.95f, 0.5f, 0.0f}) {
        for (const float min_p : {0.0f, 0.05f, 0.3f, 1.0f}) {
          SamplingParams params = plain();
          params.top_k = top_k;
          params.top_p = top_p;
          params.min_p = min_p;
          const float temperatures[] = {1.0f, 0.3f, 2.5f};
          params.temperature = temperatures[seed % 3];
          params.seed = seed++;
          check_distribution("top_k " + value_text(top_k) + " top_p " + value_text(top_p) +
                                 " min_p " + value_text(min_p) + " temperature " +
                                 value_text(params.temperature),
                             params, logits);
        }
      }
    }
  }
}

BITNET_TEST(sampler_top_p_of_a_flat_distribution) {
  // So flat that the first few hundred candidates do not hold the share: it has to look further.
  const Floats logits = bell_logits(2000, 0.2f, 4);
  SamplingParams params = plain();
  params.top_p = 0.9f;
  const std::vector<double> p = probabilities(params, logits);
  const auto n_kept = std::count_if(p.begin(), p.end(), [](double x) { return x > 0.0; });
  CHECK(n_kept > 1500 && n_kept < 1850);
  const Tokens alone = choose_many(params, logits, 150);
  for (const int32_t token : alone) CHECK(p[static_cast<size_t>(token)] > 0.0);
  for (const int32_t top_k : {2000, 2001, -1}) {
    params.top_k = top_k;
    CHECK(choose_many(params, logits, 150) == alone);
  }
  // The least likely token has next to no part in the sum.
  Floats with_tail = logits;
  with_tail[17] = -40.0f;
  params.top_k = 0;
  const Tokens all = choose_many(params, with_tail, 150);
  params.top_k = 1999;
  CHECK(choose_many(params, with_tail, 150) == all);
}

BITNET_TEST(sampler_incomparable_logits) {
  // Not a number is as good as ruled out, whatever else is asked for.
  const Floats clean = bell_logits(40, 2.0f, 6);
  for (const int32_t top_k : {0, 5, 39}) {
    for (const float top_p : {1.0f, 0.7f}) {
      for (const size_t place : {size_t{0}, size_t{11}, size_t{39}}) {
        SamplingParams params = plain();
        params.top_k = top_k;
        params.top_p = top_p;
        Floats ruled_out = clean;
        ruled_out[place] = -kInfinity;
        Floats broken = clean;
        broken[place] = kNan;
        const Tokens expected = choose_many(params, ruled_out, 500);
        CHECK(std::find(expected.begin(), expected.end(), static_cast<int32_t>(place)) ==
              expected.end());
        CHECK(choose_many(params, broken, 500) == expected);
        CHECK_EQ(choose(params, Floats(40, kNan)), 0);
        CHECK_EQ(choose(params, Floats(40, -kInfinity)), 0);
        Floats certain = clean;
        certain[place] = kInfinity;
        CHECK_EQ(choose(params, certain), static_cast<int32_t>(place));
      }
    }
  }
}

// ---- penalties, bias and masks ---------------------------------------------------------------

Floats penalise_slowly(const SamplingParams& params, Floats logits, const Tokens& history) {
  size_t window = history.size();
  if (params.repeat_last_n >= 0) {
    window = std::min(window, static_cast<size_t>(params.repeat_last_n));
  }
  for (size_t token = 0; token < logits.size(); token++) {
    const auto count = std::count(history.end() - static_cast<std::ptrdiff_t>(window),
                                  history.end(), static_cast<int32_t>(token));
    if (count == 0) continue;
    float& logit = logits[token];
    logit = logit > 0.0f ? logit / params.repeat_penalty : logit * params.repeat_penalty;
    logit -= static_cast<float>(count) * params.frequency_penalty + params.presence_penalty;
  }
  return logits;
}

BITNET_TEST(sampler_penalties) {
  const Tokens history = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4};
  for (const float repeat : {1.0f, 1.3f, 0.8f}) {
    for (const float frequency : {0.0f, 0.4f, -0.2f}) {
      for (const float presence : {0.0f, 0.7f}) {
        for (const int32_t last_n : {-1, 0, 1, 7, 20, 64}) {
          SamplingParams params = greedy();
          params.repeat_penalty = repeat;
          params.frequency_penalty = frequency;
          params.presence_penalty = presence;
          params.repeat_last_n = last_n;
          Floats logits = bell_logits(12, 2.0f, 5);
          const Floats expected = penalise_slowly(params, logits, history);
          Sampler sampler(params, 12);
          const int32_t token = sampler.sample(logits.data(), history, {});
          CHECK_BITS(logits.data(), expected.data(), 12, "penalties");
          CHECK_EQ(token, choose(greedy(), expected));
        }
      }
    }
  }
}

BITNET_TEST(sampler_logit_bias) {
  SamplingParams params = greedy();
  // Twice the same token adds twice; ids that do not exist are ignored.
  params.logit_bias = {{2, 1.5f}, {0, -kInfinity}, {2, 0.25f}, {-1, 9.0f}, {4, 9.0f}};
  Floats logits = {7.0f, 1.0f, 0.5f, 2.0f};
  Sampler sampler(params, 4);
  CHECK_EQ(sampler.sample(logits.data(), {}, {}), 2);
  const Floats expected = {-kInfinity, 1.0f, 2.25f, 2.0f};
  CHECK_BITS(logits.data(), expected.data(), 4, "bias");

  params.repeat_penalty = 2.0f;  // after the bias
  logits = {7.0f, 1.0f, 0.5f, 2.0f};
  Sampler both(params, 4);
  CHECK_EQ(both.sample(logits.data(), {2}, {}), 3);
  CHECK_EQ(logits[2], 1.125f);
}

BITNET_TEST(sampler_masks) {
  const Floats logits = bell_logits(50, 2.0f, 8);
  const SamplingParams kinds[] = {greedy(), plain(), SamplingParams{}};
  for (const SamplingParams& params : kinds) {
    CHECK_EQ(choose(params, logits, {7}), 7);
    CHECK_EQ(choose(params, logits, {7, 50, 1000}), 7);  // two beyond the vocabulary
    const int32_t any = choose(params, logits);
    Tokens all(50);
    std::iota(all.begin(), all.end(), 0);
    CHECK_EQ(choose(params, logits, all), any);
    Sampler sampler(params, 50);
    for (int i = 0; i < 200; i++) {
      const int32_t token = choose(sampler, logits, {4, 9, 9, 16, 25});
      CHECK(token == 4 || token == 9 || token == 16 || token == 25);
    }
  }
}

BITNET_TEST(sampler_masks_stand_above_all_else) {
  for (SamplingParams params : {greedy(), plain(), SamplingParams{}}) {
    // Logits that say no, be it by themselves or by a bias, do not open what is forbidden.
    CHECK_EQ(choose(params, {9.0f, -kInfinity, kNan, kInfinity}, {1}), 1);
    CHECK_EQ(choose(params, {9.0f, -kInfinity, kNan, kInfinity}, {2}), 2);
    CHECK_EQ(choose(params, {9.0f, -kInfinity, 1.0f, kInfinity}, {1, 2}), 2);
    params.logit_bias = {{1, -kInfinity}, {0, kInfinity}};
    CHECK_EQ(choose(params, {0.0f, 5.0f, 0.0f}, {1}), 1);
  }
}

BITNET_TEST(sampler_token_sets) {
  for (const uint32_t vocab : {1u, 31u, 32u, 33u, 64u, 100u}) {
    CHECK(!has_token({}, vocab));
    CHECK(!has_token({0, 0, 0}, vocab));
    CHECK(!has_token(set_of({static_cast<int32_t>(vocab)}), vocab));
    for (uint32_t id = 0; id < vocab; id++) {
      const TokenSet set = set_of({static_cast<int32_t>(id), 127});
      CHECK(has_token(set, vocab));
      for (uint32_t other = 0; other < 140; other++) {
        CHECK_EQ(contains(set, other), other == id || other == 127);
      }
    }
  }
}

// ---- log-probabilities -----------------------------------------------------------------------

BITNET_TEST(sampler_logprobs) {
  for (const uint32_t n : {1u, 2u, 50u, 3000u}) {
    const Floats logits = bell_logits(n, 5.0f, n);
    double exact_sum = 0.0;
    for (const float logit : logits) exact_sum += std::exp(static_cast<double>(logit));
    CHECK(std::fabs(log_sum_exp(logits.data(), n) - std::log(exact_sum)) < 1e-6);

    const auto token = static_cast<int32_t>(n / 2);
    const Logprobs logprobs = logprobs_of(logits.data(), n, token, n + 5);
    CHECK_EQ(logprobs.top.size(), size_t{n});
    double sum = 0.0;
    for (size_t i = 0; i < logprobs.top.size(); i++) {
      sum += std::exp(static_cast<double>(logprobs.top[i].logprob));
      if (logprobs.top[i].token == token) CHECK_EQ(logprobs.chosen, logprobs.top[i].logprob);
      if (i > 0) CHECK(logprobs.top[i - 1].logprob >= logprobs.top[i].logprob);
    }
    CHECK(std::fabs(sum - 1.0) < 1e-5);
    CHECK(logprobs_of(logits.data(), n, token, 0).top.empty());
  }
  const Floats ties = {1.0f, 2.0f, 2.0f, -kInfinity};
  const Logprobs logprobs = logprobs_of(ties.data(), 4, 3, 2);
  CHECK_EQ(logprobs.chosen, -kInfinity);
  CHECK_EQ(logprobs.top[0].token, 1);
  CHECK_EQ(logprobs.top[1].token, 2);
}

}  // namespace
}  // namespace bitnet::selftest
