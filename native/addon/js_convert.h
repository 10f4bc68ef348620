#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"
#include "formats/format.h"

// Conversions between JavaScript values and the engine's structures. The shapes are those of
// src/engine/binding.ts; TypeScript has validated what users typed, these check types only.

namespace bitnet {

/// A JavaScript error with `code` and `hint`.
Napi::Error to_js_error(Napi::Env env, const Error& error);
/// For exceptions that native code did not throw on purpose.
Napi::Error to_js_error(Napi::Env env, const std::exception& error);

/// Runs `body`, turning C++ exceptions into JavaScript ones.
template <class Body>
auto guarded(Napi::Env env, Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (const Error& error) {
    throw to_js_error(env, error);
  } catch (const std::exception& error) {
    throw to_js_error(env, error);
  }
}

// Each throws a JavaScript TypeError naming the property when its type is wrong.
std::string get_string(const Napi::Object& object, const char* key);
double get_number(const Napi::Object& object, const char* key);
double get_number(const Napi::Object& object, const char* key, double fallback);
uint64_t get_size(const Napi::Object& object, const char* key);
bool get_bool(const Napi::Object& object, const char* key);

std::vector<int32_t> to_tokens(const Napi::Value& value, const char* what);
TokenSet to_token_set(const Napi::Value& value, const char* what);
/// Undefined gives no tiles.
TileParams to_tile(const Napi::Value& value);
const Format& to_format(Napi::Env env, const std::string& name);
ModelSpec to_model_spec(const Napi::Object& object);
EngineOptions to_engine_options(const Napi::Object& object);
GenerateRequest to_generate_request(const Napi::Value& tokens, const Napi::Object& params);

Napi::Object to_js(Napi::Env env, const GenerateResult& result);
Napi::Object to_js(Napi::Env env, const MemoryUse& memory);
Napi::Object cpu_report(Napi::Env env);

}  // namespace bitnet
