#include "bench/profile_run.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <vector>

#include "bench/random.h"
#include "engine/sampler.h"

namespace bitnet::bench {
namespace {

constexpr uint32_t kBatch = 512;

/// Sequences that are fed pseudo-random tokens.
class Feed {
 public:
  Feed(const Model& model, const ProfileOptions& options)
      : vocab_(model.hparams.vocab_size),
        shortlist_{options.top_k, {}},
        forward_(model, options.kv_type, kBatch, options.n_threads),
        logits_(size_t{options.n_sequences} * vocab_) {
    for (uint32_t i = 0; i < options.n_sequences; ++i) sequences_.emplace_back(forward_.kv_cache());
  }

  /// All sequences in one batch as long as it holds them.
  void pass(uint32_t n_tokens, Profile* profile) {
    tokens_.resize(n_tokens);
    for (auto& token : tokens_) token = static_cast<int32_t>(random_.next() % vocab_);
    const uint32_t step = std::max(1u, kBatch / static_cast<uint32_t>(sequences_.size()));
    for (uint32_t done = 0; done < n_tokens; done += step) {
      const uint32_t n = std::min(step, n_tokens - done);
      const bool last = done + n == n_tokens;
      const Wanted wanted = last ? Wanted::kLastLogits : Wanted::kNothing;
      std::vector<Segment> batch;
      for (uint32_t i = 0; i < sequences_.size(); ++i) {
        batch.push_back({&sequences_[i], tokens_.data() + done, n, wanted,
                         last ? logits(i) : nullptr, shortlist_.n > 0 ? &shortlist_ : nullptr});
      }
      forward_.run(batch, [] { return false; }, profile);
    }
  }
  /// Goes to a depth in less time than its tokens take: the positions of the first chunk again and
  /// again.
  void deepen(uint32_t depth) {
    const uint32_t own = std::min(depth, kKvChunk);
    pass(own, nullptr);
    for (auto& sequence : sequences_) {
      sequence.reserve(depth - own);
      for (uint32_t pos = kKvChunk; pos < depth; pos += kKvChunk) {
        std::memcpy(sequence.chunk_of(pos), sequence.chunk_of(0),
                    forward_.kv_cache().chunk_bytes());
      }
      sequence.advance(depth - own);
    }
  }
  float* logits(uint32_t sequence) { return &logits_[size_t{sequence} * vocab_]; }
  /// Logits of the last pass that were computed; the others are -infinity.
  double n_logits() const {
    return static_cast<double>(std::count_if(logits_.begin(), logits_.end(),
                                             [](float logit) { return std::isfinite(logit); }));
  }
  void truncate(uint32_t length) {
    for (auto& sequence : sequences_) sequence.truncate(length);
  }

 private:
  uint32_t vocab_;
  Shortlist shortlist_;
  Forward forward_;
  std::deque<KvSequence> sequences_;
  std::vector<float> logits_;
  std::vector<int32_t> tokens_;
  Random random_;
};

}  // namespace

ProfileRun profile_passes(const ModelSpec& spec, const ProfileOptions& options) {
  const Model model(spec, {});
  Feed feed(model, options);
  SamplingParams greedy;
  greedy.temperature = 0.0f;
  Sampler sampler(greedy, model.hparams.vocab_size);
  ProfileRun run = {model.kernels.table.name, 0.0, HUGE_VAL, 0.0, Profile(options.n_threads)};

  const auto pass = [&](Profile* profile) {
    feed.pass(options.n_tokens, profile);
    for (uint32_t i = 0; i < options.n_sequences; ++i) sampler.sample(feed.logits(i), {}, {});
    if (profile != nullptr) profile->lap(Stage::kSampling);
    if (options.n_tokens > 1) feed.truncate(options.depth);
  };
  if (options.depth > 0) feed.deepen(options.depth);
  pass(nullptr);
  for (uint32_t i = 0; i < options.n_passes; ++i) {
    const auto begin = Profile::Clock::now();
    pass(&run.profile);
    const double seconds = std::chrono::duration<double>(Profile::Clock::now() - begin).count();
    run.seconds += seconds;
    run.fastest = std::min(run.fastest, seconds);
    run.head_rows += feed.n_logits() / options.n_sequences / options.n_passes;
  }
  return run;
}

}  // namespace bitnet::bench
