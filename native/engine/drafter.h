#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bitnet {

/// Guesses how a sequence goes on by looking its end up in what came before (prompt lookup), and
/// keeps count of how often such guesses are right. Guesses are made and judged whether or not
/// anybody uses them, so that their worth is known before the first one costs anything.
class Drafter {
 public:
  /// Appends up to `n` guesses of what follows `tokens`: what followed the longest earlier
  /// occurrence of their end, the latest such, and so on in circles. None when the last token is
  /// new.
  void draft(const std::vector<int32_t>& tokens, size_t n, std::vector<int32_t>& out);
  /// Chance of the next token being as guessed, `ahead` guessed tokens after the end.
  double chance(size_t ahead) const noexcept { return rate_[level(match_length_ + ahead)].right; }
  /// Judges the guess of the last token of `tokens`, which has just been appended.
  void observe(const std::vector<int32_t>& tokens);
  /// The sequence was changed otherwise.
  void reset() noexcept { match_length_ = 0; }

 private:
  /// Occurrences that agree in more tokens are worth the same.
  static constexpr size_t kLevels = 8;
  static size_t level(size_t match_length) noexcept {
    return match_length < kLevels ? match_length : kLevels - 1;
  }
  void look_up(const std::vector<int32_t>& tokens);

  size_t match_end_ = 0;     ///< index after the earlier occurrence
  size_t match_length_ = 0;  ///< tokens that agree, as far as looked; 0: no guess
  size_t looked_up_ = 0;     ///< length of the sequence that the two belong to
  /// Share of right guesses by match length, lately.
  struct Rate {
    double right;
    double n_seen = kFirstSeen;
  };
  /// What the start counts for: it is what plain prose gives.
  static constexpr double kFirstSeen = 2.0;
  std::array<Rate, kLevels> rate_ = {Rate{0.0}, Rate{0.1}, Rate{0.2}, Rate{0.3},
                                     Rate{0.4}, Rate{0.5}, Rate{0.6}, Rate{0.8}};
};

}  // namespace bitnet
