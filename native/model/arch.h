#pragma once

#include <string>

namespace bitnet {

/// What sets a model family apart. A family is a row of this table and a name map in the
/// converter; the forward pass asks these questions and no others. What differs between models of
/// one family is in Hparams, or is there when its tensor is there (see LayerWeights).
struct Arch {
  const char* family;     ///< `general.architecture`
  bool sub_norms;         ///< RMS norms before attn_output and ffn_down
  bool adjacent_rope;     ///< files hold q and k rows in the order of adjacent-pair RoPE
  bool head_norms;        ///< an RMS norm over each query and key head
  bool post_norms;        ///< RMS norms after attn_output and ffn_down, before the residual
  bool scaled_embedding;  ///< embeddings times sqrt(d_model)
};

/// Throws Error kUnsupported for a family that is not in the table.
const Arch& find_arch(const std::string& family);

}  // namespace bitnet
