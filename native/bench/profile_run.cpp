#include "bench/profile_run.h"

#include <algorithm>
#include <vector>

#include "bench/random.h"
#include "engine/sampler.h"

namespace bitnet::bench {
namespace {

constexpr uint32_t kBatch = 512;

/// One sequence that is fed pseudo-random tokens.
class Feed {
 public:
  Feed(const Model& model, const ProfileOptions& options)
      : vocab_(model.hparams.vocab_size),
        forward_(model, options.kv_type, kBatch, options.n_threads),
        sequence_(forward_.kv_cache()),
        logits_(vocab_) {}

  void pass(uint32_t n_tokens, Profile* profile) {
    tokens_.resize(n_tokens);
    for (auto& token : tokens_) token = static_cast<int32_t>(random_.next() % vocab_);
    for (uint32_t done = 0; done < n_tokens; done += kBatch) {
      const uint32_t n = std::min(kBatch, n_tokens - done);
      const bool last = done + n == n_tokens;
      const Segment segment = {&sequence_, tokens_.data() + done, n,
                               last ? Wanted::kLastLogits : Wanted::kNothing,
                               last ? logits_.data() : nullptr};
      forward_.run({segment}, [] { return false; }, profile);
    }
  }
  float* logits() { return logits_.data(); }
  void truncate(uint32_t length) { sequence_.truncate(length); }

 private:
  uint32_t vocab_;
  Forward forward_;
  KvSequence sequence_;
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
  ProfileRun run = {model.kernels.table.name, 0.0, Profile(options.n_threads)};

  const auto pass = [&](Profile* profile) {
    feed.pass(options.n_tokens, profile);
    sampler.sample(feed.logits(), {}, {});
    if (profile != nullptr) profile->lap(Stage::kSampling);
    if (options.n_tokens > 1) feed.truncate(options.depth);
  };
  if (options.depth > 0) feed.pass(options.depth, nullptr);
  pass(nullptr);
  for (uint32_t i = 0; i < options.n_passes; ++i) {
    const auto begin = Profile::Clock::now();
    pass(&run.profile);
    run.seconds += std::chrono::duration<double>(Profile::Clock::now() - begin).count();
  }
  return run;
}

}  // namespace bitnet::bench
