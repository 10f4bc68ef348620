#include "addon/js_convert.h"

#include <cmath>
#include <limits>

#include "cpu/features.h"
#include "kernels/dispatch.h"

namespace bitnet {
namespace {

constexpr double kMaxSafeInteger = 9007199254740991.0;

[[noreturn]] void bad_type(Napi::Env env, const char* key, const char* expected) {
  throw Napi::TypeError::New(env, std::string("expected ") + expected + " for " + key);
}

template <class T>
T get_integer(const Napi::Object& object, const char* key) {
  const double value = get_number(object, key);
  const bool fits =
      value >= static_cast<double>(std::numeric_limits<T>::min()) &&
      value <= std::min(static_cast<double>(std::numeric_limits<T>::max()), kMaxSafeInteger);
  if (!fits || value != std::floor(value)) bad_type(object.Env(), key, "an integer in range");
  return static_cast<T>(value);
}

Napi::Object get_object(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsObject()) bad_type(object.Env(), key, "an object");
  return value.As<Napi::Object>();
}

Napi::Array get_array(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsArray()) bad_type(object.Env(), key, "an array");
  return value.As<Napi::Array>();
}

Napi::Array to_js(Napi::Env env, const std::vector<std::string>& words) {
  auto array = Napi::Array::New(env, words.size());
  for (uint32_t i = 0; i < words.size(); ++i) array[i] = words[i];
  return array;
}

/// A string property that names one of a few values.
template <class Enum>
Enum get_enum(const Napi::Object& object, const char* key,
              std::initializer_list<std::pair<const char*, Enum>> values) {
  const std::string name = get_string(object, key);
  for (const auto& [known, value] : values) {
    if (name == known) return value;
  }
  bad_type(object.Env(), key, "a known name");
}

Yarn to_yarn(const Napi::Object& object) {
  Yarn yarn;
  yarn.factor = get_number(object, "factor");
  yarn.original_context = get_number(object, "originalContext");
  yarn.attention_factor = get_number(object, "attentionFactor", yarn.attention_factor);
  yarn.beta_fast = get_number(object, "betaFast", yarn.beta_fast);
  yarn.beta_slow = get_number(object, "betaSlow", yarn.beta_slow);
  return yarn;
}

Hparams to_hparams(const Napi::Object& object) {
  Hparams h;
  h.family = get_string(object, "family");
  h.n_layers = get_integer<uint32_t>(object, "nLayers");
  h.d_model = get_integer<uint32_t>(object, "dModel");
  h.d_ff = get_integer<uint32_t>(object, "dFf");
  h.n_heads = get_integer<uint32_t>(object, "nHeads");
  h.n_kv_heads = get_integer<uint32_t>(object, "nKvHeads");
  h.head_dim = get_integer<uint32_t>(object, "headDim");
  h.vocab_size = get_integer<uint32_t>(object, "vocabSize");
  h.context_length = get_integer<uint32_t>(object, "contextLength");
  h.rms_norm_eps = static_cast<float>(get_number(object, "rmsNormEps"));
  h.rope_theta = get_number(object, "ropeTheta");
  h.activation = get_enum<Activation>(
      object, "activation",
      {{"relu2", Activation::kRelu2}, {"silu", Activation::kSilu}, {"gelu", Activation::kGelu}});
  h.activation_mode = get_enum<ActivationMode>(object, "activationMode",
                                               {{"token", ActivationMode::kToken},
                                                {"blocks", ActivationMode::kBlocks},
                                                {"floats", ActivationMode::kFloats}});
  if (object.Get("yarn").IsObject()) h.yarn = to_yarn(get_object(object, "yarn"));
  return h;
}

TensorSpec to_tensor(const Napi::Object& object) {
  TensorSpec spec;
  spec.name = get_string(object, "name");
  spec.format = &to_format(object.Env(), get_string(object, "encoding"));
  spec.rows = get_integer<uint64_t>(object, "rows");
  spec.cols = get_integer<uint64_t>(object, "cols");
  spec.file = get_integer<uint32_t>(object, "file");
  spec.offset = get_integer<uint64_t>(object, "offset");
  spec.bytes = get_integer<uint64_t>(object, "bytes");
  spec.scale = static_cast<float>(get_number(object, "scale", 0.0));
  spec.absmean = object.Get("quantise").IsString();
  spec.adjacent_heads = static_cast<uint32_t>(get_number(object, "adjacentHeads", 0));
  spec.tile = to_tile(object.Get("tile"));
  spec.plus_one = !object.Get("plusOne").IsUndefined();
  return spec;
}

SamplingParams to_sampling(const Napi::Object& object) {
  SamplingParams p;
  p.temperature = static_cast<float>(get_number(object, "temperature"));
  p.top_k = get_integer<int32_t>(object, "topK");
  p.top_p = static_cast<float>(get_number(object, "topP"));
  p.min_p = static_cast<float>(get_number(object, "minP"));
  p.repeat_penalty = static_cast<float>(get_number(object, "repeatPenalty"));
  p.repeat_last_n = get_integer<int32_t>(object, "repeatLastN");
  p.frequency_penalty = static_cast<float>(get_number(object, "frequencyPenalty"));
  p.presence_penalty = static_cast<float>(get_number(object, "presencePenalty"));
  const Napi::Value seed = object.Get("seed");
  if (!seed.IsBigInt()) bad_type(object.Env(), "seed", "a bigint");
  bool lossless = false;
  p.seed = seed.As<Napi::BigInt>().Uint64Value(&lossless);
  const Napi::Array biases = get_array(object, "logitBias");
  for (uint32_t i = 0; i < biases.Length(); ++i) {
    const Napi::Value row = biases[i];
    if (!row.IsArray()) bad_type(object.Env(), "logitBias", "[token, bias] pairs");
    const auto pair = row.As<Napi::Array>();
    const Napi::Value token = pair[0u];
    const Napi::Value bias = pair[1u];
    p.logit_bias.emplace_back(token.ToNumber().Int32Value(), bias.ToNumber().FloatValue());
  }
  return p;
}

}  // namespace

Napi::Error to_js_error(Napi::Env env, const Error& error) {
  Napi::Error js = Napi::Error::New(env, error.what());
  js.Set("code", error_code_name(error.code()));
  if (!error.hint().empty()) js.Set("hint", error.hint());
  return js;
}

Napi::Error to_js_error(Napi::Env env, const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) {
    return to_js_error(env, Error(ErrorCode::kResource, "out of memory"));
  }
  return Napi::Error::New(env, error.what());
}

std::string get_string(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsString()) bad_type(object.Env(), key, "a string");
  return value.As<Napi::String>().Utf8Value();
}

double get_number(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsNumber()) bad_type(object.Env(), key, "a number");
  return value.As<Napi::Number>().DoubleValue();
}

double get_number(const Napi::Object& object, const char* key, double fallback) {
  return object.Get(key).IsUndefined() ? fallback : get_number(object, key);
}

uint64_t get_size(const Napi::Object& object, const char* key) {
  return get_integer<uint64_t>(object, key);
}

bool get_bool(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsBoolean()) bad_type(object.Env(), key, "a boolean");
  return value.As<Napi::Boolean>().Value();
}

std::vector<int32_t> to_tokens(const Napi::Value& value, const char* what) {
  const bool good =
      value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_int32_array;
  if (!good) bad_type(value.Env(), what, "an Int32Array");
  const auto array = value.As<Napi::Int32Array>();
  return {array.Data(), array.Data() + array.ElementLength()};
}

TokenSet to_token_set(const Napi::Value& value, const char* what) {
  const bool good =
      value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint32_array;
  if (!good) bad_type(value.Env(), what, "a Uint32Array");
  const auto array = value.As<Napi::Uint32Array>();
  return {array.Data(), array.Data() + array.ElementLength()};
}

TileParams to_tile(const Napi::Value& value) {
  if (!value.IsObject()) return {};
  const auto object = value.As<Napi::Object>();
  return {get_integer<uint32_t>(object, "rows"), get_integer<uint32_t>(object, "cols"),
          get_integer<uint32_t>(object, "innerRows")};
}

const Format& to_format(Napi::Env env, const std::string& name) {
  const Format* format = find_format(name.c_str());
  if (format == nullptr) {
    throw to_js_error(env, Error(ErrorCode::kUnsupported, "unknown encoding \"" + name + "\""));
  }
  return *format;
}

ModelSpec to_model_spec(const Napi::Object& object) {
  ModelSpec spec;
  const Napi::Array files = get_array(object, "files");
  for (uint32_t i = 0; i < files.Length(); ++i) {
    const Napi::Value path = files[i];
    spec.files.push_back(path.ToString().Utf8Value());
  }
  spec.hparams = to_hparams(get_object(object, "hparams"));
  const Napi::Array tensors = get_array(object, "tensors");
  for (uint32_t i = 0; i < tensors.Length(); ++i) {
    const Napi::HandleScope scope(object.Env());
    const Napi::Value tensor = tensors[i];
    if (!tensor.IsObject()) bad_type(object.Env(), "tensors", "objects");
    spec.tensors.push_back(to_tensor(tensor.As<Napi::Object>()));
  }
  if (object.Get("adapters").IsArray()) {
    const Napi::Array adapters = get_array(object, "adapters");
    for (uint32_t i = 0; i < adapters.Length(); ++i) {
      const Napi::Value value = adapters[i];
      if (!value.IsObject()) bad_type(object.Env(), "adapters", "objects");
      const auto adapter = value.As<Napi::Object>();
      spec.adapters.push_back(
          {get_string(adapter, "target"), static_cast<float>(get_number(adapter, "scale")),
           to_tensor(get_object(adapter, "a")), to_tensor(get_object(adapter, "b"))});
    }
  }
  spec.n_threads = get_integer<uint32_t>(object, "threads");
  spec.mmap = get_bool(object, "mmap");
  if (object.Has("weights")) {
    spec.form = get_enum<WeightForm>(
        object, "weights", {{"fast", WeightForm::kFast}, {"compact", WeightForm::kCompact}});
  }
  if (object.Has("headCopy")) spec.head_copy = get_bool(object, "headCopy");
  return spec;
}

EngineOptions to_engine_options(const Napi::Object& object) {
  constexpr uint32_t kMaxThreads = 1024;
  constexpr uint32_t kMaxBatch = 1u << 16;
  EngineOptions options;
  options.kv_type = get_enum<KvType>(object, "kvType",
                                     {{"f32", KvType::kF32},
                                      {"f16", KvType::kF16},
                                      {"bf16", KvType::kBF16},
                                      {"int8", KvType::kInt8}});
  options.batch_size = get_integer<uint32_t>(object, "batchSize");
  options.n_threads = get_integer<uint32_t>(object, "threads");
  if (options.batch_size == 0 || options.batch_size > kMaxBatch) {
    bad_type(object.Env(), "batchSize", "1 to 65536");
  }
  if (options.n_threads == 0 || options.n_threads > kMaxThreads) {
    bad_type(object.Env(), "threads", "1 to 1024");
  }
  return options;
}

GenerateRequest to_generate_request(const Napi::Value& tokens, const Napi::Object& params) {
  GenerateRequest request;
  request.tokens = to_tokens(tokens, "tokens");
  request.max_tokens = get_integer<int32_t>(params, "maxTokens");
  request.stop_tokens = to_tokens(params.Get("stopTokens"), "stopTokens");
  request.sampling = to_sampling(get_object(params, "sampling"));
  request.n_logprobs = get_integer<int32_t>(params, "logprobs");
  request.masked = get_bool(params, "masked");
  request.speculate = get_enum<Speculate>(
      params, "speculate",
      {{"auto", Speculate::kAuto}, {"off", Speculate::kOff}, {"always", Speculate::kAlways}});
  return request;
}

Napi::Object to_js(Napi::Env env, const GenerateResult& result) {
  static constexpr const char* kReasons[] = {"stop", "length", "context", "cancelled"};
  auto object = Napi::Object::New(env);
  object["finishReason"] = kReasons[static_cast<size_t>(result.reason)];
  if (result.stop_token >= 0) object["stopToken"] = result.stop_token;
  object["promptTokens"] = result.n_prompt;
  object["generatedTokens"] = result.n_generated;
  object["draftedTokens"] = result.n_drafted;
  object["acceptedTokens"] = result.n_accepted;
  object["promptMs"] = result.prompt_ms;
  object["generateMs"] = result.generate_ms;
  object["firstTokenMs"] = result.first_token_ms;
  return object;
}

Napi::Object to_js(Napi::Env env, const MemoryUse& memory) {
  auto object = Napi::Object::New(env);
  object["weightBytes"] = static_cast<double>(memory.weight_bytes);
  object["kvCacheBytes"] = static_cast<double>(memory.kv_cache_bytes);
  object["activationBytes"] = static_cast<double>(memory.activation_bytes);
  object["kvChunkBytes"] = static_cast<double>(memory.kv_chunk_bytes);
  object["kvLayout"] = kKvLayoutVersion;
  object["hugePages"] = memory.huge_pages;
  return object;
}

Napi::Object cpu_report(Napi::Env env) {
  const CpuInfo& cpu = cpu_info();
  const Kernels active = select_kernels();
  auto report = Napi::Object::New(env);
  report["brand"] = cpu.brand;
  report["arch"] = cpu.arch;
  report["features"] = to_js(env, cpu_feature_names(cpu.features));
  auto targets = Napi::Array::New(env);
  for (const KernelTable* target : kernel_targets()) {
    auto row = Napi::Object::New(env);
    row["name"] = target->name;
    row["runnable"] = kernel_runnable(*target);
    row["missing"] = to_js(env, cpu_feature_names(target->required & ~cpu.features));
    targets[targets.Length()] = row;
  }
  report["targets"] = targets;
  report["active"] = active.table.name;
  report["reason"] = active.reason;
  report["compactWeights"] = has_compact(active);
  return report;
}

}  // namespace bitnet
