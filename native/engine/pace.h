#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace bitnet {

/// A guessed token: whose, and how likely it and the guesses before it are all right.
struct Guess {
  uint32_t sequence;
  double chance;
};

/// Decides how many drafted tokens are worth a place in the next forward pass: as many as give the
/// most tokens per time, by what passes of each size took lately. Keeps account of the time won and
/// lost by drafts, and lets none through while it has lost more than a small share.
class Pace {
 public:
  /// Rows of a pass, drafts included, beyond which none are added.
  static constexpr uint32_t kMaxRows = 16;

  /// Sorts the guesses, likeliest first, and says how many of them to add to a pass of `n_rows`
  /// rows that give a token each. Certain ones (chance 1) are taken whatever they cost.
  uint32_t choose(uint32_t n_rows, std::vector<Guess>& guesses) const;
  /// Notes a pass that took `ms`, of `n_rows` rows and `n_drafts` drafts, `n_accepted` of them
  /// right.
  void note(uint32_t n_rows, uint32_t n_drafts, uint32_t n_accepted, double ms);

 private:
  struct Cost {
    double ms = 0.0;      ///< 0: not known
    uint64_t i_pass = 0;  ///< when it was last measured
    uint32_t n_seen = 0;  ///< how often
  };
  bool affordable(uint32_t n_rows) const;
  bool known(uint32_t n_rows) const;
  double cost_of(uint32_t n_rows) const;

  std::array<Cost, kMaxRows + 1> cost_ = {};
  uint64_t i_pass_ = 0;
  double spent_ms_ = 0.0;  ///< by passes lately
  double saved_ms_ = 0.0;  ///< by drafts lately; negative when they cost more than they gave
};

}  // namespace bitnet
