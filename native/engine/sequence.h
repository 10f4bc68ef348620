#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/drafter.h"
#include "engine/sampler.h"
#include "engine/token_set.h"
#include "model/forward.h"

namespace bitnet {

enum class FinishReason : uint8_t { kStop, kLength, kContext, kCancelled };
/// Whether guessed tokens are evaluated along with the last one: never, when it gains, or always
/// (for tests). The tokens that come out are the same.
enum class Speculate : uint8_t { kOff, kAuto, kAlways };

struct GenerateRequest {
  std::vector<int32_t> tokens;  ///< evaluated after the sequence's present position; not empty
  int64_t max_tokens = -1;      ///< -1: until a stop token or a full context
  std::vector<int32_t> stop_tokens;
  SamplingParams sampling;
  int32_t n_logprobs = -1;  ///< alternatives per token; -1: no log-probabilities
  bool masked = false;      ///< ask for the allowed tokens before every step
  Speculate speculate = Speculate::kAuto;
};

struct GenerateResult {
  FinishReason reason = FinishReason::kStop;
  int32_t stop_token = -1;
  uint32_t n_prompt = 0;
  uint32_t n_generated = 0;
  uint32_t n_drafted = 0;       ///< guessed tokens that were evaluated
  uint32_t n_accepted = 0;      ///< of these, those that were right
  double prompt_ms = 0.0;       ///< evaluating the prompt
  double generate_ms = 0.0;     ///< from the first token to the last
  double first_token_ms = 0.0;  ///< from the request to the first token
};

/// Hears of a job's progress on the engine thread; must return quickly and not throw.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void on_token(int32_t /*token*/, const Logprobs* /*logprobs*/) {}
  virtual void on_prompt(uint32_t /*n_done*/) {}
  virtual void on_mask_wanted(uint32_t /*step*/) {}
  /// Exactly one of these two ends every job.
  virtual void on_done(const GenerateResult& result) = 0;
  virtual void on_error(const Error& error) = 0;
};

/// Work on one sequence: a generation, or an evaluation that ends with the prompt.
struct Job {
  GenerateRequest request;
  std::unique_ptr<Sampler> sampler;  ///< null for evaluations
  std::shared_ptr<Listener> listener;
  Wanted wanted = Wanted::kLastLogits;  ///< of the prompt
  float* out = nullptr;                 ///< evaluations: [1 or n_tokens, Engine::out_width]

  size_t n_prompt_done = 0;
  std::vector<float> waiting_logits;  ///< of a step whose mask has not come yet
  GenerateResult result;
  std::chrono::steady_clock::time_point requested = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point started = {};
  std::chrono::steady_clock::time_point first_token = {};

  bool in_prompt() const { return n_prompt_done < request.tokens.size(); }
  /// Guesses are of no use while somebody else decides what may come.
  bool may_draft() const {
    return sampler != nullptr && !request.masked && request.speculate != Speculate::kOff;
  }
};

/// One conversation: its tokens, their KV cache and at most one running job. The public part may be
/// used from one thread that is not the engine's; the rest belongs to the engine thread.
class Sequence {
 public:
  Sequence(KvCache& cache, uint32_t context_length) : context_length_(context_length), kv_(cache) {}

  uint32_t context_length() const noexcept { return context_length_; }
  /// Positions evaluated, as of the last finished job.
  uint32_t length() const noexcept { return length_.load(); }
  bool busy() const noexcept { return busy_.load(); }

 private:
  friend class Engine;

  const uint32_t context_length_;
  std::atomic<uint32_t> length_ = 0;
  std::atomic<bool> busy_ = false;
  std::atomic<bool> cancelled_ = false;

  std::mutex mask_mutex_;
  std::map<uint32_t, TokenSet> masks_;  ///< by step; under mask_mutex_

  /// Positions that count: without those of guesses not confirmed yet.
  uint32_t position() const noexcept { return kv_.length() - n_ahead_; }
  void forget_ahead() noexcept {
    kv_.truncate(position());
    n_ahead_ = 0;
  }

  // Engine thread only.
  KvSequence kv_;
  std::vector<int32_t> tokens_;  ///< evaluated ones, then at most one sampled but not evaluated
  uint32_t n_ahead_ = 0;         ///< positions at the end of kv_ that were guessed
  Drafter drafter_;
  Shortlist shortlist_;               ///< of the logits of the pass at hand
  std::vector<int32_t> with_drafts_;  ///< the last token and guesses of the next ones
  std::unique_ptr<Job> job_;
};

}  // namespace bitnet
