#pragma once

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "selftest/support.h"

namespace bitnet::selftest {

/// Keeps what a job reports until it ends. A second end of the same job kills the process, as the
/// promise is kept already.
class Waiter : public Listener {
 public:
  void on_token(int32_t token, const Logprobs* logprobs) override {
    tokens_.push_back(token);
    if (logprobs != nullptr) logprobs_.push_back(*logprobs);
    n_tokens_ = tokens_.size();
  }
  void on_prompt(uint32_t n_done) override { prompt_steps_.push_back(n_done); }
  void on_done(const GenerateResult& result) override {
    result_ = result;
    ended_.set_value("none");
  }
  void on_error(const Error& error) override { ended_.set_value(error_code_name(error.code())); }

  /// The code of the error, or "none". A job that does not end fails the test.
  const std::string& wait() {
    if (!error_.empty()) return error_;
    std::future<std::string> end = ended_.get_future();
    const bool ended = end.wait_for(std::chrono::seconds(120)) == std::future_status::ready;
    error_ = ended ? end.get() : "still running";
    return error_;
  }
  FinishReason reason() {
    CHECK_EQ(wait(), "none");
    return result_.reason;
  }
  /// While the job runs: how many tokens there are so far.
  size_t n_tokens() const { return n_tokens_; }

  // After wait().
  const std::vector<int32_t>& tokens() const { return tokens_; }
  const std::vector<Logprobs>& logprobs() const { return logprobs_; }
  const std::vector<uint32_t>& prompt_steps() const { return prompt_steps_; }
  const GenerateResult& result() const { return result_; }

  Floats logits;  ///< room for evaluations

 private:
  std::vector<int32_t> tokens_;
  std::vector<Logprobs> logprobs_;
  std::vector<uint32_t> prompt_steps_;
  GenerateResult result_;
  std::promise<std::string> ended_;
  std::string error_;
  std::atomic<size_t> n_tokens_ = 0;
};

/// Evaluates tokens and waits: logits [1 or n, vocab_size].
inline Floats evaluate(Engine& engine, const std::shared_ptr<Sequence>& sequence,
                       const std::vector<int32_t>& tokens, Wanted wanted) {
  const size_t n_rows = wanted == Wanted::kAllLogits ? tokens.size() : 1;
  Floats logits(n_rows * engine.model().hparams.vocab_size, kCanary);
  const auto waiter = std::make_shared<Waiter>();
  engine.evaluate(sequence, tokens, wanted, logits.data(), waiter);
  CHECK_EQ(waiter->wait(), "none");
  return logits;
}

/// Generates and waits.
inline std::shared_ptr<Waiter> generate(Engine& engine, const std::shared_ptr<Sequence>& sequence,
                                        GenerateRequest request) {
  const auto waiter = std::make_shared<Waiter>();
  engine.generate(sequence, std::move(request), waiter);
  CHECK_EQ(waiter->wait(), "none");
  return waiter;
}

}  // namespace bitnet::selftest
