#pragma once

#include <cstdint>
#include <string>

#include "model/forward.h"

namespace bitnet::bench {

struct ProfileOptions {
  KvType kv_type = KvType::kF16;
  unsigned n_threads = 1;
  uint32_t depth = 0;     ///< positions before each pass
  uint32_t n_tokens = 1;  ///< of a pass: 1 decodes, more are a prompt
  uint32_t n_sequences = 1;
  uint32_t top_k = 0;  ///< logits that are looked at; 0: all
  uint32_t n_passes = 1;
};

struct ProfileRun {
  std::string target;
  double seconds;    ///< all passes, from outside
  double fastest;    ///< one pass
  double head_rows;  ///< logits computed per sequence and pass
  Profile profile;
};

/// Runs passes of sequences side by side and counts where the time goes; tokens are chosen
/// greedily. A pass that decodes goes on from the last one, a prompt starts at `depth` again.
/// Throws Error; see Model and Forward.
ProfileRun profile_passes(const ModelSpec& spec, const ProfileOptions& options);

}  // namespace bitnet::bench
