#pragma once

#include <napi.h>

#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "addon/post_office.h"
#include "engine/engine.h"

namespace bitnet {

/// Carries a job's progress from the engine thread to the main thread. What happens before it is
/// read is appended and delivered together, so that a slow reader never queues a callback per
/// token.
class Mailbox : public Listener, public std::enable_shared_from_this<Mailbox> {
 public:
  /// Settles a promise with what the job's result is made into.
  using Convert = std::function<Napi::Value(Napi::Env, const GenerateResult&)>;

  /// `on_events` may be empty. `keep_alive` is held until the promise settles.
  static std::shared_ptr<Mailbox> open(std::shared_ptr<PostOffice> office,
                                       const Napi::Value& on_events, const Napi::Object& keep_alive,
                                       Convert convert);

  Napi::Promise promise() const { return deferred_.Promise(); }
  /// Releases the callback when the job could not be started.
  void abandon(Napi::Env env);
  /// Gives the main thread what has come.
  void deliver(Napi::Env env);

  void on_token(int32_t token, const Logprobs* logprobs) override;
  void on_prompt(uint32_t n_done) override;
  void on_mask_wanted(uint32_t step) override;
  void on_done(const GenerateResult& result) override;
  void on_error(const Error& error) override;

 private:
  Mailbox(Napi::Env env, std::shared_ptr<PostOffice> office)
      : office_(std::move(office)), deferred_(Napi::Promise::Deferred::New(env)) {}

  struct Letter {
    std::vector<int32_t> tokens;
    std::vector<Logprobs> logprobs;
    std::optional<uint32_t> prompt_done;
    std::optional<uint32_t> mask_step;
    std::optional<GenerateResult> result;
    std::optional<Error> error;

    bool has_events() const { return !tokens.empty() || prompt_done || mask_step; }
  };

  template <class Write>
  void post(Write&& write);
  static Napi::Object events_to_js(Napi::Env env, const Letter& letter);

  const std::shared_ptr<PostOffice> office_;
  Napi::Promise::Deferred deferred_;
  Convert convert_;
  Napi::FunctionReference on_events_;
  Napi::ObjectReference keep_alive_;
  std::mutex mutex_;
  Letter letter_;           // under mutex_
  bool at_office_ = false;  // under mutex_: will be delivered
};

}  // namespace bitnet
