#pragma once

#include <string>

namespace bitnet {

/// What sets a model family apart. A family is a row of this table and a name map in the
/// converter; the forward pass asks these questions and no others.
struct Arch {
  const char* family;  ///< `general.architecture`
  bool sub_norms;      ///< RMS norms before attn_output and ffn_down
};

/// Throws Error kUnsupported for a family that is not in the table.
const Arch& find_arch(const std::string& family);

}  // namespace bitnet
