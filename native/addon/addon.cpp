// The exports of the addon; see src/engine/binding.ts for their types.

#include <napi.h>

#include <memory>
#include <vector>

#include "addon/js_convert.h"
#include "addon/model_wrap.h"
#include "addon/promise_worker.h"
#include "formats/convert.h"

namespace bitnet {
namespace {

/// The row block that a conversion request carries. The bytes stay JavaScript's: the worker keeps
/// the request object alive.
struct Rows {
  const Format* format;
  uint64_t rows;
  uint64_t cols;
  const uint8_t* data;
  size_t data_bytes;
};

Rows to_rows(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsObject()) throw Napi::TypeError::New(env, "expected a request object");
  const auto request = info[0].As<Napi::Object>();
  const Napi::Value data = request.Get("data");
  const bool bytes =
      data.IsTypedArray() && data.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array;
  if (!bytes) throw Napi::TypeError::New(env, "expected a Uint8Array for data");
  const auto array = data.As<Napi::Uint8Array>();
  return {&to_format(env, get_string(request, "from")),
          static_cast<uint64_t>(get_number(request, "rows")),
          static_cast<uint64_t>(get_number(request, "cols")), array.Data(), array.ElementLength()};
}

Napi::Value js_convert_rows(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const Rows in = to_rows(info);
    const auto request = info[0].As<Napi::Object>();
    const Format& to = to_format(env, get_string(request, "to"));
    const auto scale = static_cast<float>(get_number(request, "scale"));
    const int quarter = static_cast<int>(get_number(request, "quarter", kNoQuarter));
    using Bytes = std::vector<uint8_t>;
    return PromiseWorker<Bytes>::start(
        env, request,
        [=, &to] {
          return convert_rows(*in.format, to, in.rows, in.cols, in.data, in.data_bytes, scale,
                              quarter);
        },
        [](Napi::Env e, Bytes& bytes) -> Napi::Value {
          auto* owner = new Bytes(std::move(bytes));
          return Napi::Buffer<uint8_t>::NewOrCopy(
              e, owner->data(), owner->size(),
              [](Napi::Env, uint8_t*, Bytes* done) { delete done; }, owner);
        });
  });
}

Napi::Value js_abs_sum(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const Rows in = to_rows(info);
    return PromiseWorker<double>::start(
        env, info[0].As<Napi::Object>(),
        [in] { return abs_sum_rows(*in.format, in.rows, in.cols, in.data, in.data_bytes); },
        [](Napi::Env e, double& sum) -> Napi::Value { return Napi::Number::New(e, sum); });
  });
}

Napi::Value js_ternary_check(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const Rows in = to_rows(info);
    return PromiseWorker<TernaryCheck>::start(
        env, info[0].As<Napi::Object>(),
        [in] { return check_ternary_rows(*in.format, in.rows, in.cols, in.data, in.data_bytes); },
        [](Napi::Env e, TernaryCheck& check) -> Napi::Value {
          auto object = Napi::Object::New(e);
          object["max"] = static_cast<double>(check.max_abs);
          object["ternary"] = check.ternary;
          return object;
        });
  });
}

Napi::Value js_cpu_report(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value { return cpu_report(info.Env()); });
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto* data = new AddonData{
      Napi::Persistent(ModelWrap::define(env)), Napi::Persistent(SequenceWrap::define(env)), {}};
  env.SetInstanceData(data);
  // Engine threads must not outlive the environment that their callbacks belong to.
  env.AddCleanupHook([data] {
    for (ModelWrap* model : std::exchange(data->models, {})) model->detach();
  });
  exports["cpuReport"] = Napi::Function::New<js_cpu_report>(env);
  exports["loadModel"] = Napi::Function::New<ModelWrap::load>(env);
  exports["convertRows"] = Napi::Function::New<js_convert_rows>(env);
  exports["absSum"] = Napi::Function::New<js_abs_sum>(env);
  exports["ternaryCheck"] = Napi::Function::New<js_ternary_check>(env);
  return exports;
}

}  // namespace
}  // namespace bitnet

static Napi::Object init_addon(Napi::Env env, Napi::Object exports) {
  return bitnet::init(env, exports);
}

NODE_API_MODULE(bitnet, init_addon)
