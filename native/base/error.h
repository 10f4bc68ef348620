#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace bitnet {

/// Kinds of failure that callers tell apart; the addon maps them to error classes by these names.
enum class ErrorCode { kUsage, kNotFound, kModelFormat, kUnsupported, kResource, kCancelled };

/// Returns the public name of a code, e.g. "E_MODEL_FORMAT".
const char* error_code_name(ErrorCode code) noexcept;

/// The only exception type that native code throws on purpose.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message, std::string hint = {})
      : std::runtime_error(message), code_(code), hint_(std::move(hint)) {}

  ErrorCode code() const noexcept { return code_; }
  /// What to do next; may be empty.
  const std::string& hint() const noexcept { return hint_; }

 private:
  ErrorCode code_;
  std::string hint_;
};

}  // namespace bitnet
