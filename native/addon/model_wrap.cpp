#include "addon/model_wrap.h"

#include <atomic>
#include <utility>

#include "addon/js_convert.h"
#include "addon/mailbox.h"
#include "addon/promise_worker.h"

namespace bitnet {
namespace {

Napi::Error closed(Napi::Env env, const char* what) {
  return to_js_error(env, Error(ErrorCode::kUsage, std::string("the ") + what + " is closed"));
}

/// Reports load progress on the main thread, the latest figure only.
class ProgressCallback {
 public:
  ProgressCallback(Napi::Env env, const Napi::Value& callback) {
    if (!callback.IsFunction()) return;
    wake_ =
        Napi::ThreadSafeFunction::New(env, callback.As<Napi::Function>(), "bitnet progress", 0, 1);
    active_ = true;
  }
  ~ProgressCallback() {
    if (active_) wake_.Release();
  }
  ProgressCallback(const ProgressCallback&) = delete;
  ProgressCallback& operator=(const ProgressCallback&) = delete;

  static void report(const std::shared_ptr<ProgressCallback>& self, uint64_t done, uint64_t total) {
    if (!self->active_) return;
    self->done_ = done;
    self->total_ = total;
    if (self->pending_.exchange(true)) return;
    const auto status =
        self->wake_.NonBlockingCall([self](Napi::Env env, const Napi::Function& callback) {
          self->pending_ = false;
          if (env == nullptr) return;
          callback.Call({Napi::Number::New(env, static_cast<double>(self->done_.load())),
                         Napi::Number::New(env, static_cast<double>(self->total_.load()))});
        });
    if (status != napi_ok) self->pending_ = false;
  }

 private:
  Napi::ThreadSafeFunction wake_;
  bool active_ = false;
  std::atomic<bool> pending_ = false;
  std::atomic<uint64_t> done_ = 0;
  std::atomic<uint64_t> total_ = 0;
};

}  // namespace

// ---------------------------------------------------------------- model

Napi::Function ModelWrap::define(Napi::Env env) {
  return DefineClass(
      env, "Model",
      {InstanceMethod<&ModelWrap::create_sequence>("createSequence"),
       InstanceMethod<&ModelWrap::memory>("memory"), InstanceMethod<&ModelWrap::close>("close")});
}

ModelWrap::ModelWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ModelWrap>(info) {
  if (info.Length() != 1 || !info[0].IsExternal()) {
    throw Napi::TypeError::New(info.Env(), "models are made by loadModel");
  }
  engine_.reset(info[0].As<Napi::External<Engine>>().Data());
  info.Env().GetInstanceData<AddonData>()->models.insert(this);
}

ModelWrap::~ModelWrap() {
  if (auto* data = Env().GetInstanceData<AddonData>()) data->models.erase(this);
  detach();
}

Napi::Value ModelWrap::load(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    if (!info[0].IsObject()) throw Napi::TypeError::New(env, "expected a model specification");
    const auto object = info[0].As<Napi::Object>();
    auto spec = std::make_shared<ModelSpec>(to_model_spec(object));
    EngineOptions options = to_engine_options(object);
    options.after_events = [office = env.GetInstanceData<AddonData>()->office] { office->wake(); };
    auto progress = std::make_shared<ProgressCallback>(env, info[1]);
    return PromiseWorker<std::unique_ptr<Engine>>::start(
        env,
        [spec, options, progress] {
          return std::make_unique<Engine>(*spec, options, [&](uint64_t done, uint64_t total) {
            ProgressCallback::report(progress, done, total);
          });
        },
        [](Napi::Env e, std::unique_ptr<Engine>& engine) -> Napi::Value {
          const auto& model_class = e.GetInstanceData<AddonData>()->model_class;
          return model_class.New({Napi::External<Engine>::New(e, engine.release())});
        });
  });
}

Engine& ModelWrap::engine(Napi::Env env) const {
  if (!engine_) throw closed(env, "model");
  return *engine_;
}

void ModelWrap::cancel(const std::shared_ptr<Sequence>& sequence) {
  if (engine_) engine_->cancel(sequence);
}

std::unique_ptr<Engine> ModelWrap::detach() {
  for (SequenceWrap* sequence : std::exchange(sequences_, {})) sequence->detach();
  return std::move(engine_);
}

Napi::Value ModelWrap::create_sequence(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    if (!info[0].IsNumber()) throw Napi::TypeError::New(env, "expected a context length");
    auto sequence = engine(env).create_sequence(info[0].As<Napi::Number>().Uint32Value());
    const Napi::Object object = env.GetInstanceData<AddonData>()->sequence_class.New({info.This()});
    auto* wrap = SequenceWrap::Unwrap(object);
    wrap->attach(this, std::move(sequence));
    sequences_.insert(wrap);
    return object;
  });
}

Napi::Value ModelWrap::memory(const Napi::CallbackInfo& info) {
  return guarded(info.Env(),
                 [&]() -> Napi::Value { return to_js(info.Env(), engine(info.Env()).memory()); });
}

Napi::Value ModelWrap::close(const Napi::CallbackInfo& info) {
  // Joining the engine thread may take as long as one layer: not on the main thread.
  auto engine = std::make_shared<std::unique_ptr<Engine>>(detach());
  return PromiseWorker<bool>::start(
      info.Env(),
      [engine] {
        engine->reset();
        return true;
      },
      [](Napi::Env env, bool&) -> Napi::Value { return env.Undefined(); });
}

// ---------------------------------------------------------------- sequence

Napi::Function SequenceWrap::define(Napi::Env env) {
  return DefineClass(env, "Sequence",
                     {InstanceMethod<&SequenceWrap::length>("length"),
                      InstanceMethod<&SequenceWrap::truncate>("truncate"),
                      InstanceMethod<&SequenceWrap::generate>("generate"),
                      InstanceMethod<&SequenceWrap::set_mask>("setMask"),
                      InstanceMethod<&SequenceWrap::evaluate>("evaluate"),
                      InstanceMethod<&SequenceWrap::cancel>("cancel"),
                      InstanceMethod<&SequenceWrap::read_chunk>("readChunk"),
                      InstanceMethod<&SequenceWrap::restore>("restore"),
                      InstanceMethod<&SequenceWrap::close>("close")});
}

SequenceWrap::SequenceWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SequenceWrap>(info) {
  if (info.Length() != 1 || !info[0].IsObject()) {
    throw Napi::TypeError::New(info.Env(), "sequences are made by createSequence");
  }
  model_object_ = Napi::Persistent(info[0].As<Napi::Object>());
}

SequenceWrap::~SequenceWrap() { close(); }

void SequenceWrap::attach(ModelWrap* model, std::shared_ptr<Sequence> sequence) {
  model_ = model;
  sequence_ = std::move(sequence);
}

void SequenceWrap::detach() {
  // The engine, when there is one, ends the job; without one nothing runs.
  if (sequence_ && model_ != nullptr) model_->cancel(sequence_);
  sequence_.reset();
  model_ = nullptr;
  model_object_.Reset();
}

const std::shared_ptr<Sequence>& SequenceWrap::sequence(Napi::Env env) const {
  if (!sequence_) throw closed(env, "sequence");
  return sequence_;
}

Napi::Value SequenceWrap::length(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), sequence(info.Env())->length());
}

void SequenceWrap::truncate(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    const auto& target = sequence(info.Env());
    model_->engine(info.Env()).truncate(target, info[0].ToNumber().Uint32Value());
  });
}

Napi::Value SequenceWrap::generate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto& target = sequence(env);
    if (!info[1].IsObject()) throw Napi::TypeError::New(env, "expected generation parameters");
    GenerateRequest request = to_generate_request(info[0], info[1].As<Napi::Object>());
    const auto box = Mailbox::open(
        env.GetInstanceData<AddonData>()->office, info[2], info.This().As<Napi::Object>(),
        [](Napi::Env e, const GenerateResult& result) -> Napi::Value { return to_js(e, result); });
    const Napi::Promise promise = box->promise();
    try {
      model_->engine(env).generate(target, std::move(request), box);
    } catch (...) {
      box->abandon(env);
      throw;
    }
    return promise;
  });
}

void SequenceWrap::set_mask(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    const auto& target = sequence(info.Env());
    model_->engine(info.Env())
        .set_mask(target, info[0].ToNumber().Uint32Value(), to_token_set(info[1], "allowed"));
  });
}

Napi::Value SequenceWrap::evaluate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto& target = sequence(env);
    std::vector<int32_t> tokens = to_tokens(info[0], "tokens");
    const std::string which = info[1].ToString().Utf8Value();
    const Wanted wanted = which == "all"      ? Wanted::kAllLogits
                          : which == "hidden" ? Wanted::kHidden
                                              : Wanted::kLastLogits;
    Engine& engine = model_->engine(env);
    const size_t n_rows = wanted == Wanted::kLastLogits ? 1 : tokens.size();
    auto logits = Napi::Float32Array::New(env, n_rows * engine.out_width(wanted));
    auto keep = Napi::Object::New(env);
    keep["logits"] = logits;
    keep["sequence"] = info.This();
    auto reference = std::make_shared<Napi::ObjectReference>(Napi::Persistent(keep));
    const auto box =
        Mailbox::open(env.GetInstanceData<AddonData>()->office, env.Undefined(), keep,
                      [reference](Napi::Env e, const GenerateResult& result) -> Napi::Value {
                        const Napi::Value value = reference->Value().Get("logits");
                        reference->Reset();
                        if (result.reason == FinishReason::kCancelled) {
                          throw to_js_error(e, Error(ErrorCode::kCancelled, "cancelled"));
                        }
                        return value;
                      });
    const Napi::Promise promise = box->promise();
    try {
      engine.evaluate(target, std::move(tokens), wanted, logits.Data(), box);
    } catch (...) {
      box->abandon(env);
      throw;
    }
    return promise;
  });
}

void SequenceWrap::cancel(const Napi::CallbackInfo& /*info*/) {
  if (sequence_ && model_ != nullptr) model_->cancel(sequence_);
}

Napi::Value SequenceWrap::read_chunk(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto& target = sequence(env);
    Engine& engine = model_->engine(env);
    auto bytes = Napi::Uint8Array::New(env, engine.memory().kv_chunk_bytes);
    engine.read_chunk(target, info[0].ToNumber().Uint32Value(), bytes.Data());
    return bytes;
  });
}

void SequenceWrap::restore(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  guarded(env, [&] {
    const auto& target = sequence(env);
    Engine& engine = model_->engine(env);
    if (!info[1].IsArray()) throw Napi::TypeError::New(env, "expected a list of chunks");
    const auto list = info[1].As<Napi::Array>();
    std::vector<Napi::Uint8Array> views;  // they keep the bytes alive
    std::vector<std::span<const uint8_t>> chunks;
    for (uint32_t i = 0; i < list.Length(); ++i) {
      const Napi::Value item = list[i];
      if (!item.IsTypedArray() ||
          item.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
        throw Napi::TypeError::New(env, "expected chunks of bytes");
      }
      views.push_back(item.As<Napi::Uint8Array>());
      chunks.emplace_back(views.back().Data(), views.back().ElementLength());
    }
    engine.restore(target, to_tokens(info[0], "tokens"), chunks);
  });
}

void SequenceWrap::close(const Napi::CallbackInfo& /*info*/) { close(); }

void SequenceWrap::close() {
  if (model_ != nullptr) model_->forget(this);
  detach();
}

}  // namespace bitnet
