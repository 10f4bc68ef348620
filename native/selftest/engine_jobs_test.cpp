// Generations, evaluations and many of them at once.

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "selftest/support.h"
#include "selftest/tiny_model.h"
#include "selftest/token_sets.h"
#include "selftest/waiter.h"

namespace bitnet::selftest {
namespace {

using Tokens = std::vector<int32_t>;
using SequencePtr = std::shared_ptr<Sequence>;

constexpr uint32_t kVocab = 300;

const SavedModel& tiny_model() {
  static const SavedModel model(make_tiny_model(tiny_hparams()));
  return model;
}

std::unique_ptr<Engine> make_engine(uint32_t batch_size = 64, unsigned n_threads = 1) {
  return std::make_unique<Engine>(
      tiny_model().spec(), EngineOptions{KvType::kF16, batch_size, n_threads}, LoadProgress{});
}

GenerateRequest request(const Tokens& prompt, int64_t max_tokens, uint64_t seed = 1) {
  GenerateRequest r;
  r.tokens = prompt;
  r.max_tokens = max_tokens;
  r.sampling.seed = seed;
  return r;
}

// ---- evaluation ------------------------------------------------------------------------------

BITNET_TEST(engine_evaluate) {
  const auto engine = make_engine(7);
  const Tokens tokens = random_tokens(40, kVocab, 1);
  const SequencePtr sequence = engine->create_sequence(100);
  const Floats all = evaluate(*engine, sequence, tokens, Wanted::kAllLogits);
  CHECK_EQ(sequence->length(), 40u);
  CHECK(!sequence->busy());
  const float* last_row = all.data() + 39 * kVocab;
  const SequencePtr other = engine->create_sequence(100);
  const Floats last = evaluate(*engine, other, tokens, Wanted::kLastLogits);
  CHECK_BITS(last.data(), last_row, kVocab, "the last row alone");

  // In two parts, and again after the second one was taken back.
  const Tokens head(tokens.begin(), tokens.begin() + 25);
  const Tokens tail(tokens.begin() + 25, tokens.end());
  const SequencePtr parts = engine->create_sequence(40);
  evaluate(*engine, parts, head, Wanted::kLastLogits);
  for (int i = 0; i < 3; i++) {
    const Floats got = evaluate(*engine, parts, tail, Wanted::kAllLogits);
    CHECK_BITS(got.data(), all.data() + 25 * kVocab, got.size(), "in parts");
    CHECK_EQ(parts->length(), 40u);
    engine->truncate(parts, 25);
    CHECK_EQ(parts->length(), 25u);
    engine->truncate(parts, 1000);  // nothing to do
  }
  engine->truncate(parts, 0);
  const Floats again = evaluate(*engine, parts, tokens, Wanted::kAllLogits);
  CHECK_BITS(again.data(), all.data(), all.size(), "from the start");
}

BITNET_TEST(engine_prompt_progress) {
  const auto engine = make_engine(16);
  const auto waiter =
      generate(*engine, engine->create_sequence(100), request(random_tokens(40, kVocab, 2), 1));
  CHECK(waiter->prompt_steps() == (std::vector<uint32_t>{16, 32, 40}));
  CHECK_EQ(waiter->result().n_prompt, 40u);
  CHECK_EQ(waiter->result().n_generated, 1u);
  CHECK(waiter->result().prompt_ms > 0.0);
}

// ---- requests that cannot run ----------------------------------------------------------------

BITNET_TEST(engine_refuses) {
  const auto engine = make_engine();
  const SequencePtr sequence = engine->create_sequence(16);
  const auto error_with = [&](const Tokens& tokens) {
    return error_of(
        [&] { engine->generate(sequence, request(tokens, 1), std::make_shared<Waiter>()); });
  };
  CHECK_EQ(error_with({}), "E_USAGE");
  CHECK_EQ(error_with({-1}), "E_USAGE");
  CHECK_EQ(error_with({300}), "E_USAGE");
  CHECK_EQ(error_with(Tokens(17, 1)), "E_RESOURCE");
  GenerateRequest biased = request({1}, 1);
  biased.sampling.logit_bias = {{300, 1.0f}};
  CHECK_EQ(error_of([&] { engine->generate(sequence, biased, std::make_shared<Waiter>()); }),
           "E_USAGE");
  CHECK_EQ(error_of([&] { engine->create_sequence(0); }), "E_USAGE");
  Floats logits(kVocab);
  CHECK_EQ(error_of([&] {
             engine->evaluate(sequence, Tokens(17, 1), Wanted::kLastLogits, logits.data(),
                              std::make_shared<Waiter>());
           }),
           "E_RESOURCE");
  // None of these left anything behind.
  CHECK(!sequence->busy());
  CHECK_EQ(sequence->length(), 0u);
  evaluate(*engine, sequence, Tokens(16, 1), Wanted::kLastLogits);
  CHECK_EQ(error_with({1}), "E_RESOURCE");

  engine->truncate(sequence, 4);
  const auto running = std::make_shared<Waiter>();
  const SequencePtr busy = engine->create_sequence(4000);
  engine->generate(busy, request({1}, -1), running);
  CHECK_EQ(error_of([&] { engine->generate(busy, request({1}, 1), std::make_shared<Waiter>()); }),
           "E_USAGE");
  CHECK_EQ(error_of([&] { engine->truncate(busy, 0); }), "E_USAGE");
  engine->cancel(busy);
  CHECK(running->reason() == FinishReason::kCancelled);
}

// ---- generation ------------------------------------------------------------------------------

BITNET_TEST(engine_generate_ends) {
  const auto engine = make_engine();
  const SequencePtr sequence = engine->create_sequence(16);
  const auto full = generate(*engine, sequence, request({1, 2, 3, 4}, -1));
  CHECK(full->result().reason == FinishReason::kContext);
  CHECK_EQ(full->tokens().size(), size_t{13});  // the last one needs no position
  CHECK_EQ(sequence->length(), 16u);

  engine->truncate(sequence, 0);
  const auto three = generate(*engine, sequence, request({1, 2, 3, 4}, 3));
  CHECK(three->result().reason == FinishReason::kLength);
  CHECK(three->tokens() == Tokens(full->tokens().begin(), full->tokens().begin() + 3));
  CHECK_EQ(sequence->length(), 6u);

  engine->truncate(sequence, 0);
  GenerateRequest stops = request({1, 2, 3, 4}, -1);
  stops.stop_tokens = {1000, full->tokens()[4]};
  const auto stopped = generate(*engine, sequence, stops);
  CHECK(stopped->result().reason == FinishReason::kStop);
  const auto first = std::find(full->tokens().begin(), full->tokens().end(), full->tokens()[4]);
  CHECK_EQ(stopped->result().stop_token, *first);
  CHECK(stopped->tokens() == Tokens(full->tokens().begin(), first));

  engine->truncate(sequence, 0);
  const auto nothing = generate(*engine, sequence, request({1, 2, 3, 4}, 0));
  CHECK(nothing->result().reason == FinishReason::kLength);
  CHECK(nothing->tokens().empty());
  CHECK_EQ(sequence->length(), 4u);
}

BITNET_TEST(engine_truncated_tokens_are_forgotten) {
  // Penalties look at all tokens of the sequence, and at none that were taken back.
  const auto engine = make_engine();
  GenerateRequest r = request({1, 2, 3, 4}, 10);
  r.sampling.repeat_last_n = -1;
  r.sampling.frequency_penalty = 100.0f;
  const Tokens fresh = generate(*engine, engine->create_sequence(100), r)->tokens();
  const SequencePtr sequence = engine->create_sequence(100);
  evaluate(*engine, sequence, random_tokens(60, kVocab, 3), Wanted::kLastLogits);
  engine->truncate(sequence, 0);
  CHECK(generate(*engine, sequence, r)->tokens() == fresh);
}

BITNET_TEST(engine_generate_logprobs) {
  const auto engine = make_engine();
  GenerateRequest r = request({5, 6}, 10);
  r.sampling.temperature = 0.0f;
  r.n_logprobs = 3;
  const auto waiter = generate(*engine, engine->create_sequence(50), r);
  CHECK_EQ(waiter->logprobs().size(), size_t{10});
  for (size_t i = 0; i < waiter->logprobs().size(); i++) {
    const Logprobs& logprobs = waiter->logprobs()[i];
    CHECK_EQ(logprobs.top.size(), size_t{3});
    CHECK_EQ(logprobs.top[0].token, waiter->tokens()[i]);
    CHECK_EQ(logprobs.top[0].logprob, logprobs.chosen);
  }
}

BITNET_TEST(engine_sequences_do_not_see_each_other) {
  std::vector<GenerateRequest> requests;
  std::vector<Tokens> alone;
  {
    const auto engine = make_engine();
    for (uint32_t i = 0; i < 8; i++) {
      requests.push_back(request(random_tokens(1 + 9 * i, kVocab, i), 12 + i, i));
      alone.push_back(generate(*engine, engine->create_sequence(200), requests[i])->tokens());
    }
  }
  for (const uint32_t batch_size : {4u, 32u}) {
    const auto engine = make_engine(batch_size, 2);
    std::vector<SequencePtr> sequences;
    std::vector<std::shared_ptr<Waiter>> waiters;
    for (const GenerateRequest& r : requests) {
      sequences.push_back(engine->create_sequence(200));
      waiters.push_back(std::make_shared<Waiter>());
      engine->generate(sequences.back(), r, waiters.back());
    }
    for (size_t i = 0; i < waiters.size(); i++) {
      CHECK(waiters[i]->reason() == FinishReason::kLength);
      CHECK(waiters[i]->tokens() == alone[i]);
    }
  }
}

// ---- masks -----------------------------------------------------------------------------------

/// Hands over each step that wants a mask.
class MaskedWaiter : public Waiter {
 public:
  void on_mask_wanted(uint32_t step) override {
    const std::lock_guard lock(mutex_);
    wanted_ = step;
    changed_.notify_one();
  }
  /// Waits until the mask of `step` is wanted.
  bool wait_for(uint32_t step) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(120), [&] { return wanted_ == step; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  uint32_t wanted_ = UINT32_MAX;
};

BITNET_TEST(engine_masks) {
  const auto engine = make_engine();
  GenerateRequest r = request({9, 8, 7}, 12);
  const Tokens free = generate(*engine, engine->create_sequence(100), r)->tokens();
  r.masked = true;
  for (const bool ahead : {false, true}) {
    const SequencePtr sequence = engine->create_sequence(100);
    const auto waiter = std::make_shared<MaskedWaiter>();
    engine->generate(sequence, r, waiter);
    for (uint32_t step = 0; step < 12; step++) {
      if (!ahead) CHECK(waiter->wait_for(step));
      // Nothing, all, more than all: each allows any token. Then two choices, then one.
      Tokens mask;
      for (int32_t id = 0; step >= 1 && id < 200 + 100 * static_cast<int32_t>(step); id++) {
        mask.push_back(id);
      }
      if (step >= 3) mask = {static_cast<int32_t>(20 + step), 40};
      if (step >= 8) mask = {77};
      engine->set_mask(sequence, step, set_of(mask));
    }
    CHECK(waiter->reason() == FinishReason::kLength);
    const Tokens& got = waiter->tokens();
    CHECK_EQ(got.size(), size_t{12});
    CHECK(std::equal(got.begin(), got.begin() + 3, free.begin()));
    for (size_t i = 3; i < 8; i++) CHECK(got[i] == static_cast<int32_t>(20 + i) || got[i] == 40);
    for (size_t i = 8; i < 12; i++) CHECK_EQ(got[i], 77);
  }
}

BITNET_TEST(engine_masks_that_allow_nothing) {
  const auto engine = make_engine();
  GenerateRequest r = request({1}, 9);
  r.masked = true;
  for (const TokenSet& nothing :
       {TokenSet{0}, TokenSet(40, 0), set_of({static_cast<int32_t>(kVocab)})}) {
    const SequencePtr sequence = engine->create_sequence(100);
    const auto waiter = std::make_shared<MaskedWaiter>();
    engine->generate(sequence, r, waiter);
    engine->set_mask(sequence, 0, set_of({5, 6}));
    engine->set_mask(sequence, 1, nothing);
    CHECK(waiter->reason() == FinishReason::kStop);
    CHECK_EQ(waiter->result().stop_token, -1);
    CHECK_EQ(waiter->tokens().size(), size_t{1});
  }
}

BITNET_TEST(engine_masks_of_another_job) {
  // Masks that came too early belong to the job they were meant for.
  const auto engine = make_engine();
  const SequencePtr sequence = engine->create_sequence(100);
  GenerateRequest r = request({1}, 1);
  r.masked = true;
  const auto first = std::make_shared<MaskedWaiter>();
  engine->generate(sequence, r, first);
  for (uint32_t step = 0; step < 4; step++) engine->set_mask(sequence, step, set_of({11}));
  CHECK(first->reason() == FinishReason::kLength);
  const auto second = std::make_shared<MaskedWaiter>();
  r.max_tokens = 3;
  engine->generate(sequence, r, second);
  for (uint32_t step = 0; step < 3; step++) {
    CHECK(second->wait_for(step));
    engine->set_mask(sequence, step, set_of({22}));
  }
  CHECK(second->reason() == FinishReason::kLength);
  CHECK(second->tokens() == (Tokens{22, 22, 22}));
}

BITNET_TEST(engine_masks_that_never_come) {
  const auto engine = make_engine();
  GenerateRequest r = request({1}, 5);
  r.masked = true;
  // Others go on while one waits; then that one is cancelled, or the engine goes away.
  std::vector<SequencePtr> sequences;
  std::vector<std::shared_ptr<MaskedWaiter>> waiters;
  for (int i = 0; i < 2; i++) {
    sequences.push_back(engine->create_sequence(100));
    waiters.push_back(std::make_shared<MaskedWaiter>());
    engine->generate(sequences.back(), r, waiters.back());
    CHECK(waiters.back()->wait_for(0));
  }
  CHECK_EQ(generate(*engine, engine->create_sequence(100), request({2}, 20))->tokens().size(),
           size_t{20});
  engine->cancel(sequences[0]);
  CHECK(waiters[0]->reason() == FinishReason::kCancelled);
  CHECK(sequences[1]->busy());
  engine->set_mask(sequences[1], 0, set_of({3}));
  CHECK(waiters[1]->wait_for(1));
}

}  // namespace
}  // namespace bitnet::selftest
