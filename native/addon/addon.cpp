// The exports of the addon; see src/engine/binding.ts for their types.

#include <napi.h>

#include <memory>
#include <vector>

#include "addon/js_convert.h"
#include "addon/model_wrap.h"
#include "addon/promise_worker.h"
#include "formats/convert.h"
#include "probe/perf_counter.h"
#include "probe/probes.h"

namespace bitnet {
namespace {

/// The row block that a conversion request carries. The bytes stay JavaScript's: the worker keeps
/// the request object alive.
Rows to_rows(const Napi::Object& request) {
  const Napi::Env env = request.Env();
  const Napi::Value data = request.Get("data");
  const bool bytes =
      data.IsTypedArray() && data.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array;
  if (!bytes) throw Napi::TypeError::New(env, "expected a Uint8Array for data");
  const auto array = data.As<Napi::Uint8Array>();
  Rows rows = {&to_format(env, get_string(request, "from")),
               {get_size(request, "rows"), get_size(request, "cols"), to_tile(request.Get("tile"))},
               array.Data(),
               array.ElementLength()};
  rows.scale = static_cast<float>(get_number(request, "scale", 1.0));
  rows.quarter = static_cast<int>(get_number(request, "quarter", kNoQuarter));
  rows.group = static_cast<uint64_t>(get_number(request, "group", 0.0));
  const Napi::Value floats = request.Get("floats");
  if (floats.IsString()) {
    const bool masters = floats.As<Napi::String>().Utf8Value() == "masters";
    rows.floats = masters ? FloatMeaning::kMasters : FloatMeaning::kUnpacked;
  }
  return rows;
}

Napi::Object to_request(const Napi::CallbackInfo& info) {
  if (!info[0].IsObject()) throw Napi::TypeError::New(info.Env(), "expected a request object");
  return info[0].As<Napi::Object>();
}

/// Hands the vector's memory to JavaScript.
Napi::Value to_buffer(Napi::Env env, std::vector<uint8_t>& bytes) {
  auto* owner = new std::vector<uint8_t>(std::move(bytes));
  return Napi::Buffer<uint8_t>::NewOrCopy(
      env, owner->data(), owner->size(),
      [](Napi::Env, uint8_t*, std::vector<uint8_t>* done) { delete done; }, owner);
}

Napi::Object to_js(Napi::Env env, const Loss& loss) {
  auto object = Napi::Object::New(env);
  object["scalesRounded"] = static_cast<double>(loss.scales_rounded);
  object["scalesMerged"] = static_cast<double>(loss.scales_merged);
  object["weightsRounded"] = static_cast<double>(loss.weights_rounded);
  object["maxRelative"] = loss.max_relative;
  return object;
}

Napi::Value js_convert(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const Napi::Object request = to_request(info);
    const Rows rows = to_rows(request);
    const Target target = {&to_format(env, get_string(request, "to")),
                           to_tile(request.Get("toTile")),
                           static_cast<float>(get_number(request, "toScale", 1.0)),
                           request.Get("allowLossy").ToBoolean().Value()};
    return PromiseWorker<ConvertedRows>::start(
        env, request, [rows, target] { return convert(rows, target); },
        [](Napi::Env e, ConvertedRows& converted) -> Napi::Value {
          auto object = Napi::Object::New(e);
          object["bytes"] = to_buffer(e, converted.bytes);
          object["loss"] = to_js(e, converted.loss);
          return object;
        });
  });
}

Napi::Value js_scale_stats(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const Napi::Object request = to_request(info);
    const Rows rows = to_rows(request);
    return PromiseWorker<ScaleStats>::start(
        env, request, [rows] { return scale_stats(rows); },
        [](Napi::Env e, ScaleStats& stats) -> Napi::Value {
          auto object = Napi::Object::New(e);
          object["min"] = static_cast<double>(stats.min);
          object["max"] = static_cast<double>(stats.max);
          object["nonzeros"] = static_cast<double>(stats.n_nonzeros);
          object["weightedSum"] = stats.weighted_sum;
          return object;
        });
  });
}

Napi::Value js_compare_rows(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const Napi::Object request = to_request(info);
    const Napi::Value first = request.Get("a");
    const Napi::Value second = request.Get("b");
    if (!first.IsObject() || !second.IsObject()) {
      throw Napi::TypeError::New(env, "expected row blocks a and b");
    }
    const Rows a = to_rows(first.As<Napi::Object>());
    const Rows b = to_rows(second.As<Napi::Object>());
    return PromiseWorker<RowsDifference>::start(
        env, request, [a, b] { return compare_rows(a, b); },
        [](Napi::Env e, RowsDifference& difference) -> Napi::Value {
          auto object = Napi::Object::New(e);
          object["trits"] = static_cast<double>(difference.n_trits);
          object["weights"] = static_cast<double>(difference.n_weights);
          object["maxRelative"] = difference.max_relative;
          return object;
        });
  });
}

Napi::Value js_convert_rows(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const Napi::Object request = to_request(info);
    const Rows in = to_rows(request);
    const Format& to = to_format(env, get_string(request, "to"));
    const auto scale = static_cast<float>(get_number(request, "scale"));
    const int quarter = static_cast<int>(get_number(request, "quarter", kNoQuarter));
    using Bytes = std::vector<uint8_t>;
    return PromiseWorker<Bytes>::start(
        env, request,
        [=, &to] {
          return convert_rows(*in.format, to, in.shape.rows, in.shape.cols, in.data, in.data_bytes,
                              scale, quarter);
        },
        [](Napi::Env e, Bytes& bytes) -> Napi::Value { return to_buffer(e, bytes); });
  });
}

Napi::Value js_abs_sum(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const Rows in = to_rows(to_request(info));
    return PromiseWorker<double>::start(
        env, info[0].As<Napi::Object>(),
        [in] {
          return abs_sum_rows(*in.format, in.shape.rows, in.shape.cols, in.data, in.data_bytes);
        },
        [](Napi::Env e, double& sum) -> Napi::Value { return Napi::Number::New(e, sum); });
  });
}

Napi::Value js_ternary_check(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const Rows in = to_rows(to_request(info));
    return PromiseWorker<TernaryCheck>::start(
        env, info[0].As<Napi::Object>(),
        [in] {
          return check_ternary_rows(*in.format, in.shape.rows, in.shape.cols, in.data,
                                    in.data_bytes);
        },
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

Napi::Value js_machine_limits(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const Napi::Object request = to_request(info);
    const auto n_threads = static_cast<unsigned>(get_size(request, "threads"));
    const auto bytes = static_cast<size_t>(get_size(request, "bytes"));
    const char* target = select_kernels().table.name;
    return PromiseWorker<probe::MachineLimits>::start(
        env, [=] { return probe::machine_limits(target, n_threads, bytes); },
        [](Napi::Env e, probe::MachineLimits& limits) -> Napi::Value {
          auto object = Napi::Object::New(e);
          object["readBytes"] = limits.read_bandwidth;
          object["int8Operations"] = limits.peak.int8;
          object["f32Operations"] = limits.peak.f32;
          return object;
        });
  });
}

/// An object that reads and closes the counter, or the system's error number.
Napi::Value js_open_perf_counter(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const Napi::Object request = to_request(info);
    auto counter = std::make_shared<probe::PerfCounter>();
    const int failure =
        counter->open(static_cast<uint32_t>(get_size(request, "type")), get_size(request, "config"),
                      static_cast<int>(get_size(request, "cpu")));
    if (failure != 0) return Napi::Number::New(env, failure);
    auto object = Napi::Object::New(env);
    object["read"] = Napi::Function::New(env, [counter](const Napi::CallbackInfo& call) {
      return Napi::Number::New(call.Env(), static_cast<double>(counter->read()));
    });
    object["close"] =
        Napi::Function::New(env, [counter](const Napi::CallbackInfo&) { counter->close(); });
    return object;
  });
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto* data = new AddonData{Napi::Persistent(ModelWrap::define(env)),
                             Napi::Persistent(SequenceWrap::define(env)),
                             PostOffice::open(env),
                             {}};
  env.SetInstanceData(data);
  // Engine threads must not outlive the environment that their callbacks belong to.
  env.AddCleanupHook([data] {
    for (ModelWrap* model : std::exchange(data->models, {})) model->detach();
  });
  exports["cpuReport"] = Napi::Function::New<js_cpu_report>(env);
  exports["machineLimits"] = Napi::Function::New<js_machine_limits>(env);
  exports["openPerfCounter"] = Napi::Function::New<js_open_perf_counter>(env);
  exports["loadModel"] = Napi::Function::New<ModelWrap::load>(env);
  exports["convert"] = Napi::Function::New<js_convert>(env);
  exports["scaleStats"] = Napi::Function::New<js_scale_stats>(env);
  exports["compareRows"] = Napi::Function::New<js_compare_rows>(env);
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
