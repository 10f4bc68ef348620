#include "model/arch.h"

#include "base/error.h"

namespace bitnet {
namespace {

constexpr Arch kArchs[] = {
    {"bitnet-b1.58", true},
    {"bitnet-25", true},  // name of the first uploads of the same model
    {"bitnet", true},
};

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
