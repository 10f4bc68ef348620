#include "model/arch.h"

#include "base/error.h"

namespace bitnet {
namespace {

// clang-format off
constexpr Arch kArchs[] = {
    // family        sub_norms adjacent head_norms post_norms scaled
    {"bitnet-b1.58", true,     false,   false,     false,     false},
    {"bitnet-25",    true,     false,   false,     false,     false},  // its first uploads
    {"bitnet",       true,     false,   false,     false,     false},
    {"llama",        false,    true,    false,     false,     false},
    {"qwen3",        false,    false,   true,      false,     false},
    {"gemma3",       false,    false,   true,      true,      true},
};
// clang-format on

}  // namespace

const Arch& find_arch(const std::string& family) {
  std::string known;
  for (const Arch& arch : kArchs) {
    if (family == arch.family) return arch;
    known += (known.empty() ? "" : ", ") + std::string(arch.family);
  }
  throw Error(ErrorCode::kUnsupported, "model family \"" + family + "\" is not supported",
              "supported families: " + known);
}

}  // namespace bitnet
