// One step of the engine thread: who takes part, guesses, the forward pass, sampling.

#include <algorithm>
#include <utility>

#include "engine/engine.h"

namespace bitnet {
namespace {

using Clock = std::chrono::steady_clock;

/// Guesses that a sequence brings at most.
constexpr uint32_t kMaxDraft = Pace::kMaxRows - 1;

double ms_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

}  // namespace

void Engine::step() {
  std::vector<Segment> batch;
  uint32_t budget = forward_.batch_size();
  // Generating sequences first: a long prompt must not stall them.
  std::vector<SequencePtr> prompts;
  for (const auto& sequence : active_) {
    if (sequence->job_ == nullptr) continue;
    if (sequence->job_->in_prompt()) {
      prompts.push_back(sequence);
    } else {
      take_part(sequence, batch, budget);
    }
  }
  const size_t n_generating = batch.size();
  if (n_generating > 0) budget = std::min(budget, prompt_share_.rows());
  take_prompts(prompts, batch, budget);
  prompts.clear();
  tell();  // masks are made during the pass
  if (batch.size() > n_generating) {
    prefill(batch, n_generating);
  } else if (!batch.empty()) {
    decode(batch, budget);
  }
  tell();
  // Drop every reference, so that sequences nobody else holds are deleted before the next step.
  in_batch_.clear();
  std::erase_if(active_, [](const SequencePtr& s) { return s->job_ == nullptr; });
}

/// Shares the budget among prompts: each gets as much as the others, or what it needs, so that a
/// short one does not wait for the end of a long one.
void Engine::take_prompts(const std::vector<SequencePtr>& prompts, std::vector<Segment>& batch,
                          uint32_t budget) {
  std::vector<std::pair<size_t, size_t>> order;  // tokens left, place in the order of arrival
  for (size_t i = 0; i < prompts.size(); ++i) {
    const Job& job = *prompts[i]->job_;
    order.emplace_back(job.request.tokens.size() - job.n_prompt_done, i);
  }
  std::sort(order.begin(), order.end());
  auto n_left = static_cast<uint32_t>(prompts.size());
  for (const auto& [left, i] : order) {
    const uint32_t share = std::min(budget, std::max(1u, budget / n_left--));
    uint32_t rest = share;
    take_part(prompts[i], batch, rest);
    budget -= share - rest;
  }
}

/// A pass with prompts in it, after `n_generating` rows of sequences that generate.
void Engine::prefill(std::vector<Segment>& batch, size_t n_generating) {
  const auto begun = Clock::now();
  uint32_t n_rows = 0;
  for (const Segment& segment : batch) n_rows += segment.n_tokens;
  if (!run_batch(batch)) return;
  prompt_share_.note(n_rows - static_cast<uint32_t>(n_generating), n_rows,
                     ms_between(begun, Clock::now()));
}

/// A pass without prompts: its time depends on the number of rows, guesses included.
void Engine::decode(std::vector<Segment>& batch, uint32_t budget) {
  const auto begun = Clock::now();
  const uint32_t n_drafts = add_drafts(batch, budget);
  const auto n_rows = static_cast<uint32_t>(batch.size());
  n_accepted_ = 0;
  if (!run_batch(batch)) return;
  pace_.note(n_rows, n_drafts, n_accepted_, ms_between(begun, Clock::now()));
}

/// False when every sequence of the batch was cancelled meanwhile.
bool Engine::run_batch(std::vector<Segment>& batch) {
  const size_t vocab = model_.hparams.vocab_size;
  const auto n_slots = [](const Segment& s) -> size_t {
    if (s.wanted == Wanted::kNothing || s.out != nullptr) return 0;
    return s.wanted == Wanted::kAllLogits ? s.n_tokens : 1;
  };
  size_t n_all = 0;
  for (const Segment& s : batch) n_all += n_slots(s);
  logits_.resize(std::max(logits_.size(), n_all * vocab));
  float* slot = logits_.data();
  for (size_t i = 0; i < batch.size(); ++i) {
    const size_t n = n_slots(batch[i]);
    if (n == 0) continue;
    batch[i].out = slot;
    batch[i].shortlist = shortlist_of(*in_batch_[i], batch[i]);
    slot += n * vocab;
  }
  const auto stop = [this] {
    return abort_ || std::all_of(in_batch_.begin(), in_batch_.end(),
                                 [](const SequencePtr& s) { return s->cancelled_.load(); });
  };
  if (!forward_.run(batch, stop)) return false;
  for (size_t i = 0; i < batch.size(); ++i) after_forward(in_batch_[i], batch[i]);
  return true;
}

/// The logits that the sequence will look at; null: all.
const Shortlist* Engine::shortlist_of(Sequence& sequence, const Segment& segment) const {
  const Job& job = *sequence.job_;
  const bool has_copy = model_.weights.head.coarse.error != nullptr;
  if (!has_copy || job.sampler == nullptr || job.request.masked || job.request.n_logprobs >= 0) {
    return nullptr;
  }
  const bool enough = job.sampler->shortlist(sequence.tokens_, {segment.tokens, segment.n_tokens},
                                             &sequence.shortlist_);
  return enough ? &sequence.shortlist_ : nullptr;
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

/// Puts the sequence's last token and guesses of the next ones, as far as it could use them, into
/// `with_drafts_`.
void Engine::draft(Sequence& sequence) {
  const Job& job = *sequence.job_;
  std::vector<int32_t>& tokens = sequence.with_drafts_;
  tokens.assign(1, sequence.tokens_.back());
  if (!job.may_draft()) return;
  // The last guess gives one more token, which needs no position.
  size_t n = std::min(kMaxDraft, sequence.context_length_ - sequence.position() - 1);
  if (job.request.max_tokens >= 0) {
    n = std::min(n, static_cast<size_t>(job.request.max_tokens - job.result.n_generated - 1));
  }
  sequence.drafter_.draft(sequence.tokens_, n, tokens);
  const auto& stops = job.request.stop_tokens;
  tokens.erase(std::find_first_of(tokens.begin() + 1, tokens.end(), stops.begin(), stops.end()),
               tokens.end());
}

/// Lets sequences bring guesses of their next tokens, the likeliest first, as far as that pays.
/// Returns how many there are.
uint32_t Engine::add_drafts(std::vector<Segment>& batch, uint32_t budget) {
  std::vector<Guess> guesses;
  for (uint32_t i = 0; i < batch.size(); ++i) {
    Sequence& sequence = *in_batch_[i];
    draft(sequence);
    const bool always = sequence.job_->request.speculate == Speculate::kAlways;
    double chance = 1.0;
    for (size_t j = 0; j + 1 < sequence.with_drafts_.size(); ++j) {
      if (!always) chance *= sequence.drafter_.chance(j);
      guesses.push_back({i, chance});
    }
  }
  const uint32_t n_worth = pace_.choose(static_cast<uint32_t>(batch.size()), guesses);
  guesses.resize(std::min(n_worth, budget));
  std::vector<uint32_t> n_drafts(batch.size());
  for (const Guess& guess : guesses) ++n_drafts[guess.sequence];
  uint32_t n_all = 0;
  for (size_t i = 0; i < batch.size(); ++i) {
    if (n_drafts[i] == 0) continue;
    Sequence& sequence = *in_batch_[i];
    try {
      sequence.kv_.reserve(1 + n_drafts[i]);
    } catch (const Error&) {
      continue;  // it goes on without
    }
    batch[i].tokens = sequence.with_drafts_.data();
    batch[i].n_tokens = 1 + n_drafts[i];
    batch[i].wanted = Wanted::kAllLogits;
    sequence.job_->result.n_drafted += n_drafts[i];
    n_all += n_drafts[i];
  }
  return n_all;
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
  verify(*sequence, segment);
}

/// Samples position after position as if each had been evaluated alone, for as long as the guesses
/// turn out to be what was sampled.
void Engine::verify(Sequence& sequence, const Segment& segment) {
  const uint32_t n_rows = segment.wanted == Wanted::kAllLogits ? segment.n_tokens : 1;
  for (uint32_t i = 0; i < n_rows; ++i) {
    sequence.n_ahead_ = n_rows - 1 - i;
    if (i > 0) {
      ++sequence.job_->result.n_accepted;
      ++n_accepted_;
    }
    if (!sample(sequence, segment.out + i * size_t{model_.hparams.vocab_size})) return;
    if (i + 1 < n_rows && sequence.tokens_.back() != sequence.with_drafts_[i + 1]) break;
  }
  sequence.forget_ahead();
}

/// Chooses the next token. False when the sequence has nothing to evaluate next: it has finished,
/// or it waits for its mask with a copy of the logits.
bool Engine::sample(Sequence& sequence, float* logits) {
  Job& job = *sequence.job_;
  const uint32_t vocab = model_.hparams.vocab_size;
  TokenSet allowed;
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
  if (!allowed.empty() && !has_token(allowed, vocab)) {
    finish(sequence, FinishReason::kStop);
    return false;
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
  sequence.drafter_.observe(sequence.tokens_);
  job.listener->on_token(token, logprobs);
  if (job.request.max_tokens >= 0 && job.result.n_generated >= job.request.max_tokens) {
    return finish(sequence, FinishReason::kLength);
  }
  // The token just chosen needs a position of its own before another can be chosen.
  if (sequence.position() >= sequence.context_length_) {
    return finish(sequence, FinishReason::kContext);
  }
  if (job.request.masked) job.listener->on_mask_wanted(job.result.n_generated);
}

}  // namespace bitnet
