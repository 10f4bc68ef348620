#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bitnet {

/// A set of token ids: bit id % 32 of word id / 32. Ids beyond the last word are not in it.
using TokenSet = std::vector<uint32_t>;

inline constexpr uint32_t kTokensPerWord = 32;

inline bool contains(const TokenSet& set, uint32_t id) noexcept {
  const size_t word = id / kTokensPerWord;
  return word < set.size() && (set[word] >> id % kTokensPerWord & 1u) != 0;
}

/// Whether the set has an id below vocab_size.
inline bool has_token(const TokenSet& set, uint32_t vocab_size) noexcept {
  for (uint32_t id = 0; id < vocab_size && id / kTokensPerWord < set.size(); ++id) {
    if (set[id / kTokensPerWord] == 0) {
      id |= kTokensPerWord - 1;
    } else if (contains(set, id)) {
      return true;
    }
  }
  return false;
}

}  // namespace bitnet
