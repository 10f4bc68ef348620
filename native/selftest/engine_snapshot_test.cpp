// What a sequence has evaluated, out of the engine and back into it.

#include <memory>
#include <span>
#include <string>
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
constexpr uint32_t kContext = 200;
/// Two chunks, the second of them not full.
constexpr size_t kTokens = 100;

std::unique_ptr<Engine> make_engine(KvType kv_type, unsigned n_threads = 1) {
  static const SavedModel model(make_tiny_model(tiny_hparams()));
  return std::make_unique<Engine>(model.spec(), EngineOptions{kv_type, 64, n_threads},
                                  LoadProgress{});
}

struct Snapshot {
  Tokens tokens;
  std::vector<Bytes> chunks;

  std::vector<std::span<const uint8_t>> views() const { return {chunks.begin(), chunks.end()}; }
};

Snapshot snapshot_of(Engine& engine, const SequencePtr& sequence, const Tokens& tokens) {
  Snapshot snapshot = {tokens, {}};
  for (uint32_t i = 0; i * kKvChunk < tokens.size(); ++i) {
    Bytes chunk(engine.memory().kv_chunk_bytes);
    engine.read_chunk(sequence, i, chunk.data());
    snapshot.chunks.push_back(std::move(chunk));
  }
  return snapshot;
}

Snapshot evaluated_snapshot(Engine& engine) {
  const Tokens tokens = random_tokens(kTokens, kVocab, 1);
  const SequencePtr sequence = engine.create_sequence(kContext);
  evaluate(engine, sequence, tokens, Wanted::kLastLogits);
  return snapshot_of(engine, sequence, tokens);
}

std::string restore_error(Engine& engine, const SequencePtr& sequence, const Snapshot& snapshot) {
  return error_of([&] { engine.restore(sequence, snapshot.tokens, snapshot.views()); });
}

BITNET_TEST(engine_snapshot_round_trip) {
  for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kInt8}) {
    const auto engine = make_engine(type);
    const Tokens tokens = random_tokens(kTokens, kVocab, 1);
    const Tokens next = random_tokens(5, kVocab, 2);
    const SequencePtr first = engine->create_sequence(kContext);
    evaluate(*engine, first, tokens, Wanted::kLastLogits);
    const Snapshot snapshot = snapshot_of(*engine, first, tokens);
    const Floats expected = evaluate(*engine, first, next, Wanted::kAllLogits);

    // Into another engine, with other threads, and then out of it again.
    const auto other = make_engine(type, 2);
    const SequencePtr second = other->create_sequence(kContext);
    other->restore(second, snapshot.tokens, snapshot.views());
    CHECK_EQ(second->length(), static_cast<uint32_t>(kTokens));
    CHECK(snapshot_of(*other, second, tokens).chunks == snapshot.chunks);
    const Floats got = evaluate(*other, second, next, Wanted::kAllLogits);
    CHECK_BITS(got.data(), expected.data(), got.size(), "after a restored prompt");
  }
}

BITNET_TEST(engine_snapshot_of_nothing) {
  const auto engine = make_engine(KvType::kF16);
  const SequencePtr sequence = engine->create_sequence(kContext);
  CHECK_EQ(restore_error(*engine, sequence, {}), "none");
  CHECK_EQ(sequence->length(), 0u);
  Bytes chunk(engine->memory().kv_chunk_bytes);
  CHECK_EQ(error_of([&] { engine->read_chunk(sequence, 0, chunk.data()); }), "E_USAGE");
}

BITNET_TEST(engine_snapshot_refuses) {
  const auto engine = make_engine(KvType::kF16);
  const Snapshot snapshot = evaluated_snapshot(*engine);
  const SequencePtr sequence = engine->create_sequence(kContext);
  const auto refuses = [&](const Snapshot& damaged) {
    CHECK_EQ(restore_error(*engine, sequence, damaged), "E_USAGE");
    CHECK_EQ(sequence->length(), 0u);
  };

  Snapshot damaged = snapshot;
  damaged.chunks.pop_back();  // too few
  refuses(damaged);
  damaged = snapshot;
  damaged.chunks.push_back(snapshot.chunks[0]);  // too many
  refuses(damaged);
  damaged = snapshot;
  damaged.chunks[1].pop_back();  // a byte short
  refuses(damaged);
  damaged.chunks[1].resize(snapshot.chunks[1].size() + 1);  // a byte long
  refuses(damaged);
  for (const int32_t token : {-1, static_cast<int32_t>(kVocab)}) {
    damaged = snapshot;
    damaged.tokens[50] = token;
    refuses(damaged);
  }
  const SequencePtr small = engine->create_sequence(kTokens - 1);
  CHECK_EQ(restore_error(*engine, small, snapshot), "E_USAGE");

  // None of these left anything behind; what is not empty takes nothing more.
  CHECK_EQ(restore_error(*engine, sequence, snapshot), "none");
  CHECK_EQ(restore_error(*engine, sequence, snapshot), "E_USAGE");
  CHECK_EQ(sequence->length(), static_cast<uint32_t>(kTokens));
}

BITNET_TEST(engine_snapshot_of_another_kv_type) {
  const Snapshot snapshot = evaluated_snapshot(*make_engine(KvType::kF16));
  for (const KvType type : {KvType::kF32, KvType::kInt8}) {
    const auto engine = make_engine(type);
    const SequencePtr sequence = engine->create_sequence(kContext);
    CHECK_EQ(restore_error(*engine, sequence, snapshot), "E_USAGE");
    CHECK_EQ(sequence->length(), 0u);
  }
}

BITNET_TEST(engine_snapshot_of_busy_sequences) {
  const auto engine = make_engine(KvType::kF16);
  const Snapshot snapshot = evaluated_snapshot(*engine);
  const SequencePtr busy = engine->create_sequence(4000);
  const auto running = std::make_shared<Waiter>();
  GenerateRequest endless;
  endless.tokens = {1};
  endless.max_tokens = -1;
  engine->generate(busy, endless, running);
  Bytes chunk(engine->memory().kv_chunk_bytes);
  CHECK_EQ(error_of([&] { engine->read_chunk(busy, 0, chunk.data()); }), "E_USAGE");
  CHECK_EQ(restore_error(*engine, busy, snapshot), "E_USAGE");
  engine->cancel(busy);
  CHECK(running->reason() == FinishReason::kCancelled);
}

}  // namespace
}  // namespace bitnet::selftest
