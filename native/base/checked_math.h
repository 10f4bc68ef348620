#pragma once

#include <cstdint>
#include <limits>
#include <optional>

namespace bitnet {

/// a * b, or nothing when it does not fit 64 bits. For sizes that come from files.
constexpr std::optional<uint64_t> checked_mul(uint64_t a, uint64_t b) noexcept {
  if (a != 0 && b > std::numeric_limits<uint64_t>::max() / a) return std::nullopt;
  return a * b;
}

/// a + b, or nothing when it does not fit 64 bits. For sizes that come from files.
constexpr std::optional<uint64_t> checked_add(uint64_t a, uint64_t b) noexcept {
  if (b > std::numeric_limits<uint64_t>::max() - a) return std::nullopt;
  return a + b;
}

}  // namespace bitnet
