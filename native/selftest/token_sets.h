#pragma once

#include <cstdint>
#include <vector>

#include "engine/token_set.h"

namespace bitnet::selftest {

/// The set of the ids, in as many words as it needs.
inline TokenSet set_of(const std::vector<int32_t>& ids) {
  TokenSet set;
  for (const int32_t id : ids) {
    const auto word = static_cast<size_t>(id) / kTokensPerWord;
    if (word >= set.size()) set.resize(word + 1);
    set[word] |= 1u << static_cast<uint32_t>(id) % kTokensPerWord;
  }
  return set;
}

}  // namespace bitnet::selftest
