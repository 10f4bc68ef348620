#include "base/error.h"

namespace bitnet {

const char* error_code_name(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kUsage:
      return "E_USAGE";
    case ErrorCode::kNotFound:
      return "E_NOT_FOUND";
    case ErrorCode::kModelFormat:
      return "E_MODEL_FORMAT";
    case ErrorCode::kUnsupported:
      return "E_UNSUPPORTED";
    case ErrorCode::kResource:
      return "E_RESOURCE";
    case ErrorCode::kCancelled:
      return "E_CANCELLED";
  }
  return "E_INTERNAL";
}

}  // namespace bitnet
