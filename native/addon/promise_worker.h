#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <utility>
#include <variant>

#include "addon/js_convert.h"

namespace bitnet {

/// Runs `work` on a worker thread and settles a promise with what `convert` makes of its result.
/// `work` must not touch JavaScript values; `convert` runs on the main thread.
template <class Result>
class PromiseWorker : public Napi::AsyncWorker {
 public:
  using Work = std::function<Result()>;
  using Convert = std::function<Napi::Value(Napi::Env, Result&)>;

  static Napi::Promise start(Napi::Env env, Work work, Convert convert) {
    auto* worker = new PromiseWorker(env, std::move(work), std::move(convert));
    worker->Queue();  // deletes itself when done
    return worker->deferred_.Promise();
  }

  /// Keeps a JavaScript object alive until the promise settles.
  static Napi::Promise start(Napi::Env env, const Napi::Object& keep_alive, Work work,
                             Convert convert) {
    auto* worker = new PromiseWorker(env, std::move(work), std::move(convert));
    worker->keep_alive_ = Napi::Persistent(keep_alive);
    worker->Queue();
    return worker->deferred_.Promise();
  }

 protected:
  void Execute() override {
    try {
      result_ = std::make_unique<Result>(work_());
    } catch (const Error& error) {
      error_ = std::make_unique<Error>(error);
    } catch (const std::bad_alloc&) {
      error_ = std::make_unique<Error>(ErrorCode::kResource, "out of memory");
    } catch (const std::exception& error) {
      SetError(error.what());
    }
  }

  void OnOK() override {
    const Napi::HandleScope scope(Env());
    settle([this] {
      if (error_) return deferred_.Reject(to_js_error(Env(), *error_).Value());
      try {
        deferred_.Resolve(convert_(Env(), *result_));
      } catch (const Napi::Error& error) {
        deferred_.Reject(error.Value());
      }
    });
  }

  void OnError(const Napi::Error& error) override {
    settle([&] { deferred_.Reject(error.Value()); });
  }

 private:
  PromiseWorker(Napi::Env env, Work work, Convert convert)
      : Napi::AsyncWorker(env),
        deferred_(Napi::Promise::Deferred::New(env)),
        work_(std::move(work)),
        convert_(std::move(convert)) {}

  /// A worker thread that is stopped runs no JavaScript any more; nobody hears of the promise.
  template <class Fn>
  static void settle(Fn&& fn) {
    try {
      fn();
    } catch (const Napi::Error&) {
    }
  }

  Napi::Promise::Deferred deferred_;
  Napi::ObjectReference keep_alive_;
  Work work_;
  Convert convert_;
  std::unique_ptr<Result> result_;
  std::unique_ptr<Error> error_;
};

}  // namespace bitnet
