#pragma once

#include <algorithm>
#include <cstdint>

namespace bitnet {

/// Decides how many rows of prompts may join a forward pass in which others generate, so that these
/// do not wait long for their next tokens: as many as a pass of bounded time takes, by what the
/// last such passes took. Results do not depend on it.
class PromptShare {
 public:
  /// Time that a pass may take. Text that comes at this pace is still faster than people read.
  static constexpr double kPassMs = 150.0;
  /// Fewer would pay for reading the weights again and again.
  static constexpr uint32_t kLeastRows = 16;

  uint32_t rows() const noexcept { return rows_; }

  /// Notes a pass that took `ms`, with `n_prompt` rows of prompts among `n_rows`.
  void note(uint32_t n_prompt, uint32_t n_rows, double ms) noexcept {
    if (n_prompt == 0 || n_prompt == n_rows || 2 * n_prompt < rows_) return;
    const double wanted = n_prompt * kPassMs / std::max(ms, kPassMs / kMostRows);
    const double next = rows_ + (wanted - rows_) * kGain;
    rows_ = static_cast<uint32_t>(std::clamp(next, double{kLeastRows}, double{kMostRows}));
  }

 private:
  static constexpr uint32_t kMostRows = 65536;
  static constexpr double kGain = 0.5;

  uint32_t rows_ = 2 * kLeastRows;
};

}  // namespace bitnet
