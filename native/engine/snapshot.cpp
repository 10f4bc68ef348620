#include <algorithm>
#include <cstring>
#include <exception>
#include <future>
#include <utility>

#include "engine/engine.h"

// A sequence's positions out of the engine and back into it.

namespace bitnet {
namespace {

Error usage(const char* what) { return Error(ErrorCode::kUsage, what); }

constexpr const char* kBusy = "the sequence is busy with another request";

size_t chunks_of(size_t n_positions) { return (n_positions + kKvChunk - 1) / kKvChunk; }

}  // namespace

void Engine::read_chunk(const std::shared_ptr<Sequence>& sequence, uint32_t index, uint8_t* out) {
  if (sequence->busy()) throw usage(kBusy);
  if (index >= chunks_of(sequence->length())) throw usage("the sequence has no such chunk");
  run_on_engine_thread(
      [&] { std::memcpy(out, sequence->kv_.chunks()[index], forward_.kv_cache().chunk_bytes()); });
}

void Engine::restore(const std::shared_ptr<Sequence>& sequence, std::vector<int32_t> tokens,
                     const std::vector<std::span<const uint8_t>>& chunks) {
  if (sequence->busy()) throw usage(kBusy);
  if (sequence->length() != 0) throw usage("the sequence is not empty");
  if (tokens.size() > sequence->context_length()) throw usage("more tokens than the context has");
  if (chunks.size() != chunks_of(tokens.size())) throw usage("chunks and tokens do not fit");
  const size_t chunk_bytes = forward_.kv_cache().chunk_bytes();
  if (std::any_of(chunks.begin(), chunks.end(),
                  [&](std::span<const uint8_t> chunk) { return chunk.size() != chunk_bytes; })) {
    throw usage("a chunk has another size");
  }
  const auto vocab_size = static_cast<int64_t>(model_.hparams.vocab_size);
  if (std::any_of(tokens.begin(), tokens.end(),
                  [&](int32_t token) { return token < 0 || token >= vocab_size; })) {
    throw usage("a token is outside the vocabulary");
  }
  const auto n = static_cast<uint32_t>(tokens.size());
  run_on_engine_thread([&] {
    sequence->kv_.reserve(n);
    for (size_t i = 0; i < chunks.size(); ++i) {
      const auto pos = static_cast<uint32_t>(i * kKvChunk);
      std::memcpy(sequence->kv_.chunk_of(pos), chunks[i].data(), chunk_bytes);
    }
    sequence->kv_.advance(n);
    sequence->tokens_ = std::move(tokens);
    sequence->drafter_.reset();
    sequence->length_ = n;
  });
}

void Engine::run_on_engine_thread(const std::function<void()>& work) {
  std::promise<void> done;
  post([&] {
    try {
      work();
      done.set_value();
    } catch (...) {
      done.set_exception(std::current_exception());
    }
  });
  done.get_future().get();
}

}  // namespace bitnet
