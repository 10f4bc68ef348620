// A second addon, for scripts/bench-kernels.mjs and scripts/profile-decode.mjs only: what they
// measure stays out of the engine's own. Built with -DBITNET_BENCH=ON.

#include <napi.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "addon/js_convert.h"
#include "addon/promise_worker.h"
#include "bench/kernel_bench.h"
#include "bench/profile_run.h"

namespace bitnet::bench {
namespace {

template <class Enum>
Enum get_named(const Napi::Object& object, const char* key, std::vector<const char*> names) {
  const std::string name = get_string(object, key);
  for (size_t i = 0; i < names.size(); ++i) {
    if (name == names[i]) return static_cast<Enum>(i);
  }
  throw Napi::TypeError::New(object.Env(), "unknown " + std::string(key) + " " + name);
}

uint32_t get_u32(const Napi::Object& object, const char* key) {
  return static_cast<uint32_t>(get_size(object, key));
}

KvType get_kv_type(const Napi::Object& object) {
  return get_named<KvType>(object, "kvType", {"f32", "f16", "bf16", "int8"});
}

Napi::Object to_object(const Napi::Value& value) {
  if (!value.IsObject()) throw Napi::TypeError::New(value.Env(), "expected an object");
  return value.As<Napi::Object>();
}

using Measurement = std::function<std::vector<Timing>(KernelBench&)>;

Measurement to_measurement(const Napi::Object& one) {
  const std::string what = get_string(one, "what");
  if (what == "ternary") {
    const TernaryCase ternary = {get_u32(one, "n"), get_u32(one, "k"), get_u32(one, "m"),
                                 get_u32(one, "group")};
    return [ternary](KernelBench& bench) { return bench.ternary(ternary); };
  }
  if (what == "head") {
    const auto type = get_named<HeadType>(one, "type", {"f32", "f16", "bf16", "q8_0", "q6_k"});
    const HeadCase head = {type, get_u32(one, "n"), get_u32(one, "k"), get_u32(one, "m")};
    return [head](KernelBench& bench) { return std::vector<Timing>{bench.head(head)}; };
  }
  const AttentionCase attention = {get_kv_type(one),         get_u32(one, "nHeads"),
                                   get_u32(one, "nKvHeads"), get_u32(one, "headDim"),
                                   get_u32(one, "depth"),    get_u32(one, "m")};
  return
      [attention](KernelBench& bench) { return std::vector<Timing>{bench.attention(attention)}; };
}

Napi::Object to_js(Napi::Env env, const Timing& timing) {
  auto object = Napi::Object::New(env);
  auto seconds = Napi::Array::New(env, timing.seconds.size());
  for (uint32_t i = 0; i < timing.seconds.size(); ++i) seconds[i] = timing.seconds[i];
  object["kernel"] = timing.kernel;
  object["seconds"] = seconds;
  object["bytes"] = timing.bytes;
  object["operations"] = timing.operations;
  return object;
}

/// A bench and what it measures with. Kept by JavaScript between calls.
struct Session {
  explicit Session(const std::string& target, const BenchOptions& options)
      : kernels(select_kernels(target)), bench(kernels, options) {}
  Kernels kernels;
  KernelBench bench;
};

/// openBench({ target, threads, samples }): an opaque handle.
Napi::Value open_bench(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const Napi::Object request = to_object(info[0]);
    BenchOptions options;
    options.n_threads = get_u32(request, "threads");
    options.n_samples = get_u32(request, "samples");
    auto session = std::make_unique<Session>(get_string(request, "target"), options);
    return Napi::External<Session>::New(env, session.release(),
                                        [](Napi::Env, Session* done) { delete done; });
  });
}

/// limits(handle): { readBandwidth, int8Peak, f32Peak }, per second.
Napi::Value limits(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    KernelBench& bench = info[0].As<Napi::External<Session>>().Data()->bench;
    const probe::ArithmeticPeak peak = bench.arithmetic_peak();
    auto object = Napi::Object::New(env);
    object["readBandwidth"] = bench.read_bandwidth();
    object["int8Peak"] = peak.int8;
    object["f32Peak"] = peak.f32;
    return object;
  });
}

/// measure(handle, case): the timings of one case.
Napi::Value measure(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    KernelBench& bench = info[0].As<Napi::External<Session>>().Data()->bench;
    const std::vector<Timing> timings = to_measurement(to_object(info[1]))(bench);
    auto array = Napi::Array::New(env, timings.size());
    for (uint32_t i = 0; i < timings.size(); ++i) array[i] = to_js(env, timings[i]);
    return array;
  });
}

Napi::Object to_js(Napi::Env env, const ProfileRun& run) {
  auto stages = Napi::Array::New(env, kStageCount);
  for (uint32_t i = 0; i < kStageCount; ++i) {
    const auto stage = static_cast<Stage>(i);
    auto row = Napi::Object::New(env);
    row["name"] = stage_name(stage);
    row["seconds"] = run.profile.seconds(stage);
    row["workSeconds"] = run.profile.work_seconds(stage);
    stages[i] = row;
  }
  auto object = Napi::Object::New(env);
  object["target"] = run.target;
  object["seconds"] = run.seconds;
  object["fastest"] = run.fastest;
  object["headRows"] = run.head_rows;
  object["stages"] = stages;
  return object;
}

/// profile(modelSpec, { depth, tokens, sequences, topK, passes }): times of all passes, by stage.
Napi::Value profile(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const Napi::Object model = to_object(info[0]);
    const Napi::Object request = to_object(info[1]);
    const ModelSpec spec = to_model_spec(model);
    ProfileOptions options;
    options.kv_type = to_engine_options(model).kv_type;
    options.n_threads = to_engine_options(model).n_threads;
    options.depth = get_u32(request, "depth");
    options.n_tokens = get_u32(request, "tokens");
    options.n_sequences = get_u32(request, "sequences");
    options.top_k = get_u32(request, "topK");
    options.n_passes = get_u32(request, "passes");
    return PromiseWorker<ProfileRun>::start(
        env, [spec, options] { return profile_passes(spec, options); },
        [](Napi::Env e, ProfileRun& run) -> Napi::Value { return to_js(e, run); });
  });
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports["openBench"] = Napi::Function::New<open_bench>(env);
  exports["limits"] = Napi::Function::New<limits>(env);
  exports["measure"] = Napi::Function::New<measure>(env);
  exports["profile"] = Napi::Function::New<profile>(env);
  return exports;
}

}  // namespace
}  // namespace bitnet::bench

static Napi::Object init_bench(Napi::Env env, Napi::Object exports) {
  return bitnet::bench::init(env, exports);
}

NODE_API_MODULE(bitnet_bench, init_bench)
