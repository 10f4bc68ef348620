#include "engine/engine.h"

#include <algorithm>
#include <future>
#include <string>
#include <utility>

namespace bitnet {
namespace {

void check_token(int32_t token, uint32_t vocab_size) {
  if (token >= 0 && static_cast<uint32_t>(token) < vocab_size) return;
  throw Error(ErrorCode::kUsage, "token id " + std::to_string(token) +
                                     " is outside the vocabulary of " + std::to_string(vocab_size));
}

void check_request(const Sequence& sequence, const std::vector<int32_t>& tokens,
                   const Hparams& hparams) {
  const uint32_t model_context = hparams.context_length;
  if (sequence.busy()) throw Error(ErrorCode::kUsage, "the sequence is busy with another request");
  if (tokens.empty()) throw Error(ErrorCode::kUsage, "no tokens to evaluate");
  for (const int32_t token : tokens) check_token(token, hparams.vocab_size);
  const size_t needed = sequence.length() + tokens.size();
  if (needed > sequence.context_length()) {
    throw Error(ErrorCode::kResource,
                "context is full: " + std::to_string(needed) +
                    " tokens are needed, the window is " +
                    std::to_string(sequence.context_length()),
                needed <= model_context ? "pass --ctx-size " + std::to_string(needed) + " or more"
                                        : "shorten the prompt: the model was made for " +
                                              std::to_string(model_context) + " tokens");
  }
}

}  // namespace

Engine::Engine(const ModelSpec& spec, const EngineOptions& options, const LoadProgress& progress)
    : model_(spec, progress),
      forward_(model_, options.kv_type, options.batch_size, options.n_threads),
      after_events_(options.after_events),
      thread_([this] { loop(); }) {}

Engine::~Engine() {
  abort_ = true;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

std::shared_ptr<Sequence> Engine::create_sequence(uint32_t context_length) {
  if (context_length == 0) throw Error(ErrorCode::kUsage, "context size must be at least 1");
  // The KV chunks go back to the cache on the engine thread, whoever drops the last reference.
  auto* sequence = new Sequence(forward_.kv_cache(), context_length);
  return {sequence, [this](Sequence* last) { post([last] { delete last; }); }};
}

void Engine::generate(const std::shared_ptr<Sequence>& sequence, GenerateRequest request,
                      std::shared_ptr<Listener> listener) {
  check_request(*sequence, request.tokens, model_.hparams);
  for (const auto& [token, bias] : request.sampling.logit_bias) {
    check_token(token, model_.hparams.vocab_size);
  }
  auto job = std::make_unique<Job>();
  job->sampler = std::make_unique<Sampler>(request.sampling, model_.hparams.vocab_size);
  job->request = std::move(request);
  job->listener = std::move(listener);
  submit(sequence, std::move(job));
}

size_t Engine::out_width(Wanted wanted) const noexcept {
  return wanted == Wanted::kHidden ? model_.hparams.d_model : model_.hparams.vocab_size;
}

void Engine::evaluate(const std::shared_ptr<Sequence>& sequence, std::vector<int32_t> tokens,
                      Wanted wanted, float* out, std::shared_ptr<Listener> listener) {
  check_request(*sequence, tokens, model_.hparams);
  auto job = std::make_unique<Job>();
  job->request.tokens = std::move(tokens);
  job->request.max_tokens = 0;
  job->wanted = wanted;
  job->out = out;
  job->listener = std::move(listener);
  submit(sequence, std::move(job));
}

void Engine::submit(const SequencePtr& sequence, std::unique_ptr<Job> job) {
  sequence->busy_ = true;
  sequence->cancelled_ = false;
  job->result.n_prompt = static_cast<uint32_t>(job->request.tokens.size());
  {
    const std::lock_guard lock(sequence->mask_mutex_);
    sequence->masks_.clear();
  }
  // std::function must be copyable, so the job travels as a shared pointer to its owner.
  auto handed = std::make_shared<std::unique_ptr<Job>>(std::move(job));
  post([this, sequence, handed] {
    sequence->job_ = std::move(*handed);
    sequence->tokens_.resize(sequence->kv_.length());
    sequence->drafter_.reset();
    active_.push_back(sequence);
    if (sequence->job_->request.masked) sequence->job_->listener->on_mask_wanted(0);
  });
}

void Engine::set_mask(const std::shared_ptr<Sequence>& sequence, uint32_t step, TokenSet allowed) {
  {
    const std::lock_guard lock(sequence->mask_mutex_);
    sequence->masks_[step] = std::move(allowed);
  }
  post([] {});
}

void Engine::cancel(const std::shared_ptr<Sequence>& sequence) {
  sequence->cancelled_ = true;
  post([] {});  // it may be waiting for a mask
}

void Engine::truncate(const std::shared_ptr<Sequence>& sequence, uint32_t length) {
  if (sequence->busy()) throw Error(ErrorCode::kUsage, "the sequence is busy with another request");
  sequence->length_ = std::min(sequence->length_.load(), length);
  post([sequence, length] { sequence->kv_.truncate(length); });
}

MemoryUse Engine::memory() {
  // What grows belongs to the engine thread, which may be in the middle of a forward pass.
  std::promise<MemoryUse> promise;
  post([this, &promise] {
    const PageBlock& weights = model_.weights.arena().block();
    promise.set_value({weights.bytes(), forward_.kv_cache().reserved_bytes(),
                       forward_.activation_bytes(), forward_.kv_cache().chunk_bytes(),
                       weights.huge_bytes() > weights.bytes() / 2});
  });
  return promise.get_future().get();
}

void Engine::post(std::function<void()> command) {
  {
    const std::lock_guard lock(mutex_);
    commands_.push_back(std::move(command));
  }
  wake_.notify_one();
}

void Engine::loop() {
  for (;;) {
    std::vector<std::function<void()>> commands;
    {
      std::unique_lock lock(mutex_);
      // Sequences that wait for a mask need a command to go on: nothing else to do until then.
      const bool idle = std::all_of(active_.begin(), active_.end(), [](const SequencePtr& s) {
        return !s->job_->waiting_logits.empty() && !s->cancelled_;
      });
      if (idle) wake_.wait(lock, [this] { return stopping_ || !commands_.empty(); });
      commands.swap(commands_);
      if (stopping_ && commands.empty()) break;
    }
    for (const auto& command : commands) command();
    commands.clear();
    if (!active_.empty()) step();
  }
  for (const auto& sequence : std::exchange(active_, {})) {
    finish(*sequence, FinishReason::kCancelled);
  }
  tell();
  // Dropping the last references posts deletions, which nobody else would run any more.
  for (;;) {
    std::vector<std::function<void()>> rest;
    {
      const std::lock_guard lock(mutex_);
      rest.swap(commands_);
    }
    if (rest.empty()) return;
    for (const auto& command : rest) command();
  }
}

void Engine::tell() {
  if (after_events_) after_events_();
}

void Engine::release(Sequence& sequence) {
  sequence.forget_ahead();
  sequence.tokens_.resize(sequence.kv_.length());
  sequence.length_ = sequence.kv_.length();
  sequence.busy_ = false;
}

void Engine::finish(Sequence& sequence, FinishReason reason) {
  const std::unique_ptr<Job> job = std::move(sequence.job_);
  job->result.reason = reason;
  release(sequence);
  job->listener->on_done(job->result);
}

void Engine::fail(Sequence& sequence, const Error& error) {
  const std::unique_ptr<Job> job = std::move(sequence.job_);
  release(sequence);
  job->listener->on_error(error);
}

}  // namespace bitnet
