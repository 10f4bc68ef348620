// Guessing ahead: what is guessed, when it is worth it, and that nobody sees a difference.

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "selftest/support.h"
#include "selftest/tiny_model.h"
#include "selftest/waiter.h"

namespace bitnet::selftest {
namespace {

using Tokens = std::vector<int32_t>;
using SequencePtr = std::shared_ptr<Sequence>;

constexpr uint32_t kVocab = 300;

// ---- the drafter -----------------------------------------------------------------------------

Tokens guesses(Drafter& drafter, const Tokens& tokens, size_t n) {
  Tokens out;
  drafter.draft(tokens, n, out);
  return out;
}

Tokens guesses(const Tokens& tokens, size_t n) {
  Drafter drafter;
  return guesses(drafter, tokens, n);
}

BITNET_TEST(drafter_looks_up_the_end) {
  CHECK(guesses({}, 4).empty());
  CHECK(guesses({1}, 4).empty());
  CHECK(guesses({1, 2, 3}, 4).empty());
  CHECK(guesses({1, 2, 3, 1}, 2) == (Tokens{2, 3}));
  CHECK(guesses({1, 2, 3, 1}, 0).empty());
  // The longest occurrence first, then the latest.
  CHECK(guesses({7, 1, 2, 5, 1, 2, 6, 7, 1, 2}, 1) == (Tokens{5}));
  CHECK(guesses({1, 2, 5, 1, 2, 6, 1, 2}, 1) == (Tokens{6}));
  // What ends with the sequence goes on in circles.
  CHECK(guesses({9, 4, 4}, 5) == (Tokens{4, 4, 4, 4, 4}));
  CHECK(guesses({1, 2, 3, 1, 2, 3}, 7) == (Tokens{1, 2, 3, 1, 2, 3, 1}));
}

BITNET_TEST(drafter_counts_what_was_right) {
  Drafter drafter;
  Tokens tokens = {1, 2, 3, 1};
  CHECK(guesses(drafter, tokens, 1) == Tokens{2});
  const double before = drafter.chance(0);
  CHECK(before > 0.0 && before < 1.0);
  CHECK(drafter.chance(3) > before);
  // Right: the same occurrence goes on, one token longer.
  tokens.push_back(2);
  drafter.observe(tokens);
  CHECK(guesses(drafter, tokens, 1) == Tokens{3});
  // Wrong: looked up anew.
  tokens.push_back(2);
  drafter.observe(tokens);
  CHECK(guesses(drafter, tokens, 2) == (Tokens{2, 2}));

  // What always repeats becomes near certain, what never does near impossible.
  Drafter circle;
  for (tokens = {1, 2, 3}; tokens.size() < 200; tokens.push_back(tokens[tokens.size() - 3])) {
    circle.observe(tokens);
    guesses(circle, tokens, 1);
  }
  CHECK(circle.chance(0) > 0.95);
  Drafter misled;
  tokens = {1};
  for (int32_t i = 0; i < 100; i++) {
    for (const int32_t token : {1000 + i, 1}) {
      tokens.push_back(token);
      misled.observe(tokens);
      guesses(misled, tokens, 1);
    }
  }
  CHECK(misled.chance(0) < 0.01);
}

BITNET_TEST(drafter_forgets_other_sequences) {
  // Of the same length as the one it looked at last.
  Drafter drafter;
  CHECK(guesses(drafter, {1, 2, 1}, 1) == Tokens{2});
  drafter.reset();
  CHECK(guesses(drafter, {5, 6, 7}, 1).empty());
}

// ---- the pace --------------------------------------------------------------------------------

/// A machine on which a pass of n rows takes 10 + n * row_ms.
struct Machine {
  double row_ms;
  double ms(uint32_t n_rows) const { return 10.0 + n_rows * row_ms; }
};

struct Run {
  double ms = 0.0;
  double plain_ms = 0.0;  ///< what its tokens would have taken without drafts
  uint64_t n_drafts = 0;
};

/// Passes over n_rows sequences with guesses that claim `claimed` and are right with `actual`.
Run run_passes(const Machine& machine, uint32_t n_rows, double claimed, double actual,
               uint32_t n_passes) {
  Pace pace;
  Random random(n_rows);
  Run run;
  for (uint32_t pass = 0; pass < n_passes; pass++) {
    std::vector<Guess> all;
    for (uint32_t i = 0; i < n_rows; i++) {
      double chance = 1.0;
      for (int j = 0; j < 8; j++) all.push_back({i, chance *= claimed});
    }
    const uint32_t n_drafts = pace.choose(n_rows, all);
    std::vector<uint32_t> n_of(n_rows);
    for (uint32_t i = 0; i < n_drafts; i++) ++n_of[all[i].sequence];
    uint32_t n_accepted = 0;
    for (uint32_t n : n_of) {
      while (n > 0 && random.below(1000) < 1000 * actual) {
        ++n_accepted;
        --n;
      }
    }
    const double ms = machine.ms(n_rows + n_drafts);
    pace.note(n_rows, n_drafts, n_accepted, ms);
    run.ms += ms;
    run.plain_ms += machine.ms(n_rows) * (n_rows + n_accepted) / n_rows;
    run.n_drafts += n_drafts;
  }
  return run;
}

BITNET_TEST(pace_gains) {
  for (const uint32_t n_rows : {1u, 2u, 4u}) {
    const Run cheap = run_passes({1.0}, n_rows, 0.8, 0.8, 2000);
    CHECK(cheap.plain_ms > 1.3 * cheap.ms);
    // Rows that cost nearly as much as passes, and guesses that are hardly ever right.
    CHECK_EQ(run_passes({1.0}, n_rows, 0.02, 0.02, 2000).n_drafts, uint64_t{0});
    const Run dear = run_passes({100.0}, n_rows, 0.8, 0.8, 2000);
    CHECK(dear.n_drafts < 100);
    CHECK(dear.ms < 1.03 * dear.plain_ms);
  }
}

BITNET_TEST(pace_loses_little) {
  // Guesses that are never what they promise.
  for (const double row_ms : {0.5, 2.0, 10.0, 40.0}) {
    for (const uint32_t n_rows : {1u, 3u, 8u}) {
      const Run run = run_passes({row_ms}, n_rows, 0.9, 0.0, 2000);
      CHECK(run.n_drafts > 0 || n_rows > 1);
      CHECK(run.ms < 1.03 * run.plain_ms);
    }
  }
}

BITNET_TEST(pace_forgets_bad_luck) {
  // The first pass with a guess is slow for other reasons: cold code, a neighbour.
  Pace pace;
  uint64_t n_accepted = 0;
  bool unlucky = true;
  for (uint32_t pass = 0; pass < 300; pass++) {
    std::vector<Guess> one = {{0, 0.9}};
    const uint32_t n_drafts = pace.choose(1, one);
    const bool slow = n_drafts > 0 && unlucky;
    unlucky = unlucky && n_drafts == 0;
    pace.note(1, n_drafts, n_drafts, slow ? 100.0 : n_drafts > 0 ? 12.0 : 10.0);
    n_accepted += n_drafts;
  }
  CHECK(!unlucky);
  CHECK(n_accepted > 100);
}

BITNET_TEST(pace_takes_certain_guesses) {
  const Pace pace;
  std::vector<Guess> all = {{0, 0.5}, {1, 1.0}, {1, 1.0}};
  CHECK_EQ(pace.choose(2, all), 2u);
  CHECK(all[0].sequence == 1 && all[1].sequence == 1 && all[2].sequence == 0);
}

// ---- the engine ------------------------------------------------------------------------------

const SavedModel& tiny_model() {
  static const SavedModel model(make_tiny_model(tiny_hparams()));
  return model;
}

/// A request with much or little to look up, and every setting that has a say in what comes out.
GenerateRequest random_request(Random& random) {
  GenerateRequest r;
  const Tokens words = random_tokens(2 + random.below(8), kVocab, random.bits32());
  for (uint32_t i = 0; i < 1 + random.below(40); i++) {
    r.tokens.push_back(words[random.below(static_cast<uint32_t>(words.size()))]);
  }
  r.max_tokens = 1 + random.below(60);
  const float temperatures[] = {0.0f, 0.05f, 0.2f, 1.0f};
  r.sampling.temperature = temperatures[random.below(4)];
  r.sampling.seed = random.bits32();
  if (random.below(3) == 0) r.sampling.repeat_penalty = 1.1f;
  if (random.below(3) == 0) r.sampling.frequency_penalty = 0.05f;
  if (random.below(3) == 0) r.stop_tokens = random_tokens(30, kVocab, random.bits32());
  if (random.below(2) == 0) r.n_logprobs = 2;
  return r;
}

void check_same(Waiter& got, Waiter& expected, const std::string& what) {
  CHECK_EQ(got.wait(), "none");
  const bool same = got.tokens() == expected.tokens();
  if (!same) record_failure(__FILE__, __LINE__, what + ": other tokens");
  CHECK(got.reason() == expected.reason());
  CHECK_EQ(got.result().stop_token, expected.result().stop_token);
  CHECK_EQ(got.result().n_generated, expected.result().n_generated);
  CHECK_EQ(got.logprobs().size(), expected.logprobs().size());
  for (size_t i = 0; same && i < got.logprobs().size(); i++) {
    const Logprobs& a = got.logprobs()[i];
    const Logprobs& b = expected.logprobs()[i];
    CHECK_EQ(a.chosen, b.chosen);
    for (size_t j = 0; j < a.top.size(); j++) {
      CHECK(a.top[j].token == b.top[j].token && a.top[j].logprob == b.top[j].logprob);
    }
  }
}

BITNET_TEST(engine_drafts_change_nothing) {
  Random random(1);
  uint64_t n_drafted = 0;
  uint64_t n_accepted = 0;
  for (const unsigned n_threads : {1u, 3u}) {
    Engine engine(tiny_model().spec(), {KvType::kF16, 40, n_threads}, {});
    const int n_requests = n_threads == 1 ? 150 : 30;
    for (int i = 0; i < n_requests; i++) {
      GenerateRequest r = random_request(random);
      const uint32_t context = 45 + random.below(60);  // ends some of them
      if (random.below(3) == 0) r.max_tokens = -1;
      const SequencePtr plain = engine.create_sequence(context);
      const SequencePtr drafting = engine.create_sequence(context);
      r.speculate = Speculate::kOff;
      const auto expected = generate(engine, plain, r);
      CHECK_EQ(expected->result().n_drafted, 0u);
      r.speculate = Speculate::kAlways;
      const auto got = generate(engine, drafting, r);
      check_same(*got, *expected, "request " + std::to_string(i));
      CHECK_EQ(drafting->length(), plain->length());
      CHECK(got->result().n_accepted <= got->result().n_drafted);
      n_drafted += got->result().n_drafted;
      n_accepted += got->result().n_accepted;
      if (context - plain->length() < 8) continue;
      // What guesses left behind in the cache does not count.
      const Tokens more = random_tokens(8, kVocab, 5);
      const Floats a = evaluate(engine, plain, more, Wanted::kAllLogits);
      const Floats b = evaluate(engine, drafting, more, Wanted::kAllLogits);
      CHECK_BITS(b.data(), a.data(), a.size(), "after request " + std::to_string(i));
    }
  }
  CHECK(n_accepted > 1000);
  CHECK(n_drafted > n_accepted + 500);
}

BITNET_TEST(engine_drafts_of_many_sequences) {
  // Some with guesses and some without come and go; each gives what it gives alone.
  Random random(2);
  std::vector<GenerateRequest> requests;
  std::vector<std::shared_ptr<Waiter>> alone;
  {
    Engine engine(tiny_model().spec(), {KvType::kF16, 64, 1}, {});
    for (int i = 0; i < 40; i++) {
      requests.push_back(random_request(random));
      requests.back().speculate = Speculate::kOff;
      alone.push_back(generate(engine, engine.create_sequence(200), requests.back()));
    }
  }
  for (const uint32_t batch_size : {5u, 64u}) {
    Engine engine(tiny_model().spec(), {KvType::kF16, batch_size, 2}, {});
    std::vector<SequencePtr> sequences;
    std::vector<std::shared_ptr<Waiter>> waiters;
    for (size_t i = 0; i < requests.size(); i++) {
      if (i >= 8) waiters[i - 8]->wait();
      GenerateRequest r = requests[i];
      r.speculate = i % 3 == 0 ? Speculate::kAuto : i % 3 == 1 ? Speculate::kAlways : r.speculate;
      sequences.push_back(engine.create_sequence(200));
      waiters.push_back(std::make_shared<Waiter>());
      engine.generate(sequences.back(), r, waiters.back());
    }
    for (size_t i = 0; i < requests.size(); i++) {
      check_same(*waiters[i], *alone[i], "sequence " + std::to_string(i));
    }
  }
}

BITNET_TEST(engine_drafts_stop_when_told) {
  // Cancelled in the middle of a text that repeats itself: what was reported is what counts.
  Engine engine(tiny_model().spec(), {KvType::kF16, 64, 1}, {});
  for (int i = 0; i < 10; i++) {
    const SequencePtr sequence = engine.create_sequence(4000);
    GenerateRequest r;
    r.tokens = {1, 2, 3};
    r.sampling.temperature = 0.0f;
    r.speculate = Speculate::kAlways;
    const auto waiter = std::make_shared<Waiter>();
    engine.generate(sequence, r, waiter);
    while (waiter->n_tokens() < 20u + 5u * static_cast<unsigned>(i)) std::this_thread::yield();
    engine.cancel(sequence);
    CHECK(waiter->reason() == FinishReason::kCancelled);
    CHECK_EQ(sequence->length(), 2 + static_cast<uint32_t>(waiter->tokens().size()));
  }
}

}  // namespace
}  // namespace bitnet::selftest
