#include "engine/engine.h"

#include <algorithm>
#include <future>
#include <string>
#include <utility>

namespace bitnet {
namespace {

using Clock = std::chrono::steady_clock;

double ms_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

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
    active_.push_back(sequence);
    if (sequence->job_->request.masked) sequence->job_->listener->on_mask_wanted(0);
  });
}

void Engine::set_mask(const std::shared_ptr<Sequence>& sequence, uint32_t step,
                      std::vector<int32_t> allowed) {
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
  // The cache belongs to the engine thread, which may be in the middle of a forward pass.
  std::promise<size_t> kv_bytes;
  post([this, &kv_bytes] { kv_bytes.set_value(forward_.kv_cache().reserved_bytes()); });
  const PageBlock& weights = model_.weights.arena().block();
  return {weights.bytes(), kv_bytes.get_future().get(), forward_.activation_bytes(),
          forward_.kv_cache().chunk_bytes(), weights.huge_bytes() > weights.bytes() / 2};
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

void Engine::step() {
  std::vector<Segment> batch;
  uint32_t budget = forward_.batch_size();
  // Generating sequences first: a long prompt must not stall them.
  for (const bool prompts : {false, true}) {
    for (const auto& sequence : active_) {
      if (sequence->job_ != nullptr && sequence->job_->in_prompt() == prompts) {
        take_part(sequence, batch, budget);
      }
    }
  }
  const size_t vocab = model_.hparams.vocab_size;
  size_t n_slots = 0;
  for (const Segment& s : batch) n_slots += s.wanted == Wanted::kLastLogits && s.out == nullptr;
  logits_.resize(std::max(logits_.size(), n_slots * vocab));
  size_t slot = 0;
  for (Segment& s : batch) {
    if (s.wanted == Wanted::kLastLogits && s.out == nullptr) s.out = &logits_[slot++ * vocab];
  }
  const auto stop = [this] {
    return abort_ || std::all_of(in_batch_.begin(), in_batch_.end(),
                                 [](const SequencePtr& s) { return s->cancelled_.load(); });
  };
  if (!batch.empty() && forward_.run(batch, stop)) {
    for (size_t i = 0; i < batch.size(); ++i) after_forward(in_batch_[i], batch[i]);
  }
  // Drop every reference, so that sequences nobody else holds are deleted before the next step.
  in_batch_.clear();
  std::erase_if(active_, [](const SequencePtr& s) { return s->job_ == nullptr; });
}

/// Adds what one sequence has to evaluate next, or deals with a reason not to.
void Engine::take_part(const SequencePtr& sequence, std::vector<Segment>& batch, uint32_t& budget) {
  Job& job = *sequence->job_;
  if (sequence->cancelled_) return finish(*sequence, FinishReason::kCancelled);
  if (!job.waiting_logits.empty()) {
    std::vector<float> logits = std::exchange(job.waiting_logits, {});
    if (!sample(*sequence, logits.data())) return;  // still no mask, or finished
  }
  if (budget == 0) return;
  if (job.started == Clock::time_point{}) job.started = Clock::now();

  Segment segment = {&sequence->kv_, nullptr, 1, Wanted::kLastLogits, nullptr};
  if (job.in_prompt()) {
    const size_t left = job.request.tokens.size() - job.n_prompt_done;
    segment.tokens = job.request.tokens.data() + job.n_prompt_done;
    segment.n_tokens = static_cast<uint32_t>(std::min<size_t>(left, budget));
    if (job.wanted != Wanted::kLastLogits) {
      segment.wanted = job.wanted;
      segment.out = job.out + job.n_prompt_done * out_width(job.wanted);
    } else if (segment.n_tokens < left) {
      segment.wanted = Wanted::kNothing;
    } else {
      segment.out = job.out;
    }
  } else {
    segment.tokens = &sequence->tokens_.back();
  }
  try {
    sequence->kv_.reserve(segment.n_tokens);
  } catch (const Error& error) {
    return fail(*sequence, error);
  }
  budget -= segment.n_tokens;
  batch.push_back(segment);
  in_batch_.push_back(sequence);
}

void Engine::after_forward(const SequencePtr& sequence, const Segment& segment) {
  Job& job = *sequence->job_;
  if (job.in_prompt()) {
    sequence->tokens_.insert(sequence->tokens_.end(), segment.tokens,
                             segment.tokens + segment.n_tokens);
    job.n_prompt_done += segment.n_tokens;
    job.listener->on_prompt(static_cast<uint32_t>(job.n_prompt_done));
    if (job.in_prompt()) return;
    job.result.prompt_ms = ms_between(job.started, Clock::now());
    if (job.sampler == nullptr || job.request.max_tokens == 0) {
      return finish(*sequence, FinishReason::kLength);
    }
  }
  sample(*sequence, segment.out);
}

/// Chooses the next token. False when the sequence has nothing to evaluate next: it has finished,
/// or it waits for its mask with a copy of the logits.
bool Engine::sample(Sequence& sequence, float* logits) {
  Job& job = *sequence.job_;
  const uint32_t vocab = model_.hparams.vocab_size;
  std::vector<int32_t> allowed;
  if (job.request.masked) {
    const std::lock_guard lock(sequence.mask_mutex_);
    const auto mask = sequence.masks_.find(job.result.n_generated);
    if (mask == sequence.masks_.end()) {
      job.waiting_logits.assign(logits, logits + vocab);
      return false;
    }
    allowed = std::move(mask->second);
    sequence.masks_.erase(mask);
  }
  Logprobs logprobs;
  std::vector<float> original;
  if (job.request.n_logprobs >= 0) original.assign(logits, logits + vocab);
  const int32_t token = job.sampler->sample(logits, sequence.tokens_, allowed);
  if (job.request.n_logprobs >= 0) {
    logprobs =
        logprobs_of(original.data(), vocab, token, static_cast<uint32_t>(job.request.n_logprobs));
  }
  const auto now = Clock::now();
  if (job.result.n_generated == 0) {
    job.first_token = now;
    job.result.first_token_ms = ms_between(job.requested, now);
  }
  job.result.generate_ms = ms_between(job.first_token, now);
  const auto& stops = job.request.stop_tokens;
  if (std::find(stops.begin(), stops.end(), token) != stops.end()) {
    job.result.stop_token = token;
    finish(sequence, FinishReason::kStop);
    return false;
  }
  emit(sequence, token, job.request.n_logprobs >= 0 ? &logprobs : nullptr);
  return sequence.job_ != nullptr;
}

void Engine::emit(Sequence& sequence, int32_t token, const Logprobs* logprobs) {
  Job& job = *sequence.job_;
  ++job.result.n_generated;
  sequence.tokens_.push_back(token);
  job.listener->on_token(token, logprobs);
  if (job.request.max_tokens >= 0 && job.result.n_generated >= job.request.max_tokens) {
    return finish(sequence, FinishReason::kLength);
  }
  // The token just chosen needs a position of its own before another can be chosen.
  if (sequence.kv_.length() >= sequence.context_length_) {
    return finish(sequence, FinishReason::kContext);
  }
  if (job.request.masked) job.listener->on_mask_wanted(job.result.n_generated);
}

void Engine::release(Sequence& sequence) {
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
