// How prompts share forward passes with sequences that generate, and with one another.

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "engine/prompt_share.h"
#include "selftest/support.h"
#include "selftest/tiny_model.h"
#include "selftest/waiter.h"

namespace bitnet::selftest {
namespace {

constexpr uint32_t kVocab = 300;

GenerateRequest request(uint32_t n_prompt, int64_t max_tokens) {
  GenerateRequest r;
  r.tokens = random_tokens(n_prompt, kVocab, n_prompt);
  r.max_tokens = max_tokens;
  return r;
}

BITNET_TEST(prompt_share_follows_time) {
  PromptShare share;
  const auto settle = [&](double ms_per_row) {
    for (int i = 0; i < 50; i++)
      share.note(share.rows(), share.rows() + 2, share.rows() * ms_per_row);
    return share.rows();
  };
  const uint32_t settled = settle(PromptShare::kPassMs / 100);
  CHECK(settled >= 99 && settled <= 101);
  CHECK_EQ(settle(1000.0), PromptShare::kLeastRows);
  CHECK(settle(0.01) > 10000u);
  CHECK(settle(0.0) <= 65536u);
  const uint32_t before = share.rows();
  share.note(before, before, 1e9);  // nobody waited for it
  share.note(0, 8, 1e9);            // no prompt in it
  share.note(3, 8, 1e9);            // the end of a prompt tells little
  CHECK_EQ(share.rows(), before);
}

BITNET_TEST(prompts_leave_room_for_generation) {
  const SavedModel model(make_tiny_model(tiny_hparams()));
  Engine engine(model.spec(), EngineOptions{KvType::kF16, 64, 1}, LoadProgress{});
  const auto alone = generate(engine, engine.create_sequence(400), request(200, 8));
  CHECK_EQ(alone->prompt_steps().front(), 64u);

  const auto speaker = engine.create_sequence(4000);
  const auto speaking = std::make_shared<Waiter>();
  engine.generate(speaker, request(4, 3900), speaking);
  while (speaking->n_tokens() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const auto beside = generate(engine, engine.create_sequence(400), request(200, 8));
  engine.cancel(speaker);
  speaking->wait();
  CHECK_EQ(beside->prompt_steps().front(), 32u);
  CHECK_EQ(beside->prompt_steps().back(), 200u);
  CHECK(beside->tokens() == alone->tokens());
}

BITNET_TEST(short_prompts_pass_long_ones) {
  const SavedModel model(make_tiny_model(tiny_hparams()));
  Engine engine(model.spec(), EngineOptions{KvType::kF16, 16, 1}, LoadProgress{});
  const auto long_one = std::make_shared<Waiter>();
  engine.generate(engine.create_sequence(4000), request(3000, 1), long_one);
  const auto short_one = generate(engine, engine.create_sequence(100), request(20, 1));
  CHECK_EQ(short_one->result().n_generated, 1u);
  CHECK_EQ(long_one->n_tokens(), 0u);
  CHECK_EQ(long_one->wait(), "none");
}

}  // namespace
}  // namespace bitnet::selftest
