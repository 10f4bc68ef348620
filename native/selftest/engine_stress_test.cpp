// Sequences that come and go while others run; for the thread and address sanitizers above all.

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "selftest/support.h"
#include "selftest/tiny_model.h"
#include "selftest/waiter.h"

namespace bitnet::selftest {
namespace {

using SequencePtr = std::shared_ptr<Sequence>;
using WaiterPtr = std::shared_ptr<Waiter>;

GenerateRequest random_request(Random& random, uint32_t most_tokens) {
  GenerateRequest request;
  request.tokens = random_tokens(1 + random.below(60), 300, random.bits32());
  request.max_tokens = random.below(most_tokens);
  request.sampling.seed = random.bits32();
  request.n_logprobs = random.below(4) == 0 ? 2 : -1;
  request.speculate = static_cast<Speculate>(random.below(3));
  return request;
}

/// One of several sequences that a test uses at random.
struct Slot {
  SequencePtr sequence;
  WaiterPtr waiter;  ///< of the job that was started last
};

BITNET_TEST(engine_many_sequences) {
  const SavedModel model(make_tiny_model(tiny_hparams()));
  Engine engine(model.spec(), {KvType::kF16, 24, 2}, {});
  std::vector<Slot> slots(8);
  std::vector<WaiterPtr> waiters;
  Random random(1);
  size_t n_refused = 0;
  for (int i = 0; i < 600; i++) {
    Slot& slot = slots[random.below(8)];
    const uint32_t choice = random.below(8);
    if (slot.sequence == nullptr) {
      slot.sequence = engine.create_sequence(40 + random.below(200));
    } else if (!slot.sequence->busy()) {
      if (choice == 0) slot.sequence.reset();
      if (choice == 1) engine.truncate(slot.sequence, random.below(100));
      if (choice < 2) continue;
      slot.waiter = std::make_shared<Waiter>();
      try {
        if (choice == 2) {
          slot.waiter->logits.resize(300 * 20);
          engine.evaluate(slot.sequence, random_tokens(20, 300, random.bits32()),
                          Wanted::kAllLogits, slot.waiter->logits.data(), slot.waiter);
        } else {
          engine.generate(slot.sequence, random_request(random, 40), slot.waiter);
        }
        waiters.push_back(slot.waiter);
      } catch (const Error& error) {
        CHECK(error.code() == ErrorCode::kResource);  // the context is full
        n_refused++;
        engine.truncate(slot.sequence, 0);
      }
    } else {
      if (choice < 3) engine.cancel(slot.sequence);
      if (choice == 3) slot.sequence.reset();  // the job goes on without an owner
      if (choice == 4) engine.memory();
      if (choice == 5) slot.waiter->wait();
    }
  }
  for (const WaiterPtr& waiter : waiters) CHECK_EQ(waiter->wait(), "none");
  CHECK(waiters.size() > 50);
  CHECK(n_refused < waiters.size());
}

BITNET_TEST(engine_goes_away_while_jobs_run) {
  const SavedModel model(make_tiny_model(tiny_hparams()));
  for (uint32_t round = 0; round < 12; round++) {
    std::vector<WaiterPtr> waiters;
    {
      Engine engine(model.spec(), {KvType::kF16, 16, 1 + round % 2}, {});
      std::vector<SequencePtr> sequences;
      for (uint32_t i = 0; i < 8; i++) {
        sequences.push_back(engine.create_sequence(4000));
        waiters.push_back(std::make_shared<Waiter>());
        GenerateRequest request;
        request.tokens = random_tokens(1 + 3 * i, 300, i);
        request.masked = i == 7;  // waits for a mask for ever
        engine.generate(sequences.back(), request, waiters.back());
      }
      std::this_thread::sleep_for(std::chrono::microseconds(500 * round));
      // Owners that leave before the engine, after it has begun or not.
    }
    for (const WaiterPtr& waiter : waiters) {
      CHECK(waiter->reason() == FinishReason::kCancelled);
    }
  }
}

BITNET_TEST(engine_cancel_is_quick) {
  // A long prompt ends at the next layer, not after all of it.
  const SavedModel model(make_tiny_model(tiny_hparams()));
  Engine engine(model.spec(), {KvType::kF16, 512, 1}, {});
  const SequencePtr sequence = engine.create_sequence(4000);
  for (int i = 0; i < 5; i++) {
    const auto waiter = std::make_shared<Waiter>();
    GenerateRequest request;
    request.tokens = random_tokens(4000, 300, 1);
    engine.generate(sequence, request, waiter);
    engine.cancel(sequence);
    CHECK(waiter->reason() == FinishReason::kCancelled);
    CHECK(sequence->length() < 4000);
    CHECK(waiter->tokens().empty());
    engine.truncate(sequence, 0);
  }
}

BITNET_TEST(engine_gives_kv_memory_back) {
  // Five chunks per sequence, eight per slab: what a dropped sequence held serves the next one.
  const SavedModel model(make_tiny_model(tiny_hparams()));
  Engine engine(model.spec(), {KvType::kF16, 512, 1}, {});
  size_t first = 0;
  for (int i = 0; i < 10; i++) {
    evaluate(engine, engine.create_sequence(300), random_tokens(300, 300, 1), Wanted::kLastLogits);
    const size_t bytes = engine.memory().kv_cache_bytes;
    if (i == 0) first = bytes;
    CHECK_EQ(bytes, first);
  }
}

}  // namespace
}  // namespace bitnet::selftest
