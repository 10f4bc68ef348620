#include "engine/pace.h"

#include <algorithm>

namespace bitnet {
namespace {

/// Share of the newest pass in the cost of its size, when it was quicker and when it was slower:
/// other work on the machine delays passes and never speeds one up.
constexpr double kQuicker = 0.5;
constexpr double kSlower = 0.1;
/// Cost of one more row, as a share of those there are, where nothing was measured yet. Cheap, so
/// that it is tried.
constexpr double kRowShare = 0.2;
/// Gain below which a plain pass is as good: what is expected is never quite right.
constexpr double kLeastGain = 1.1;
/// After so many passes a plain one is measured again: the cost grows with the context.
constexpr uint64_t kRefreshPasses = 64;
/// After so many passes what a size once cost is forgotten: it may have been bad luck. The less was
/// seen of it, the sooner.
constexpr uint64_t kForgetPasses = 256;
constexpr uint64_t kForgetOncePasses = 16;
/// What drafts may lose: this share of the time of the last few hundred passes ...
constexpr double kLossShare = 0.02;
constexpr double kMemory = 1.0 - 1.0 / 256.0;
/// ... and this part of a plain pass at first.
constexpr double kFirstLoss = 0.5;
/// Plain passes that drafts may cost in one.
constexpr double kMostLoss = 2.0;

}  // namespace

bool Pace::known(uint32_t n_rows) const {
  const Cost& cost = cost_[n_rows];
  const uint64_t patience = std::min(cost.n_seen * kForgetOncePasses, kForgetPasses);
  return cost.ms > 0.0 && i_pass_ - cost.i_pass < patience;
}

/// Of a size not measured lately: on the line through its neighbours that were.
double Pace::cost_of(uint32_t n_rows) const {
  if (known(n_rows)) return cost_[n_rows].ms;
  uint32_t below = n_rows;
  while (!known(below)) --below;
  uint32_t other = n_rows;
  while (other <= kMaxRows && !known(other)) ++other;
  if (other > kMaxRows) {
    other = below - 1;
    while (other > 0 && !known(other)) --other;
  }
  const double ms = cost_[below].ms;
  const double row_ms = other == 0 ? kRowShare * ms / below
                                   : (cost_[other].ms - ms) / (static_cast<double>(other) - below);
  return ms + std::max(row_ms, 0.0) * (n_rows - below);
}

/// Whether a pass of n_rows plain rows may try drafts.
bool Pace::affordable(uint32_t n_rows) const {
  const Cost& plain = cost_[n_rows];
  if (!known(n_rows) || i_pass_ - plain.i_pass >= kRefreshPasses) return false;
  return -saved_ms_ <= kLossShare * spent_ms_ + kFirstLoss * plain.ms;
}

uint32_t Pace::choose(uint32_t n_rows, std::vector<Guess>& guesses) const {
  std::sort(guesses.begin(), guesses.end(), [](const Guess& a, const Guess& b) {
    return a.chance != b.chance ? a.chance > b.chance : a.sequence < b.sequence;
  });
  uint32_t n_best = 0;
  while (n_best < guesses.size() && guesses[n_best].chance >= 1.0) ++n_best;
  if (n_rows == 0 || n_rows > kMaxRows || !affordable(n_rows)) return n_best;
  // A size not seen yet may be dear: at most twice the rows of one that was.
  uint32_t most = kMaxRows;
  while (!known(most)) --most;
  most = std::min(2 * most, kMaxRows);
  double tokens = n_rows;
  double best = kLeastGain * tokens / cost_[n_rows].ms;
  for (uint32_t i = 1; i <= guesses.size() && n_rows + i <= most; ++i) {
    tokens += guesses[i - 1].chance;
    const double rate = tokens / cost_of(n_rows + i);
    if (rate <= best) continue;
    best = rate;
    n_best = std::max(n_best, i);
  }
  return n_best;
}

void Pace::note(uint32_t n_rows, uint32_t n_drafts, uint32_t n_accepted, double ms) {
  const uint32_t all = n_rows + n_drafts;
  if (n_rows == 0 || all > kMaxRows) return;
  spent_ms_ = spent_ms_ * kMemory + ms;
  saved_ms_ *= kMemory;
  const double plain_ms = cost_[n_rows].ms;
  if (n_drafts > 0 && plain_ms > 0.0) {
    const double given = static_cast<double>(n_rows + n_accepted) / n_rows;
    // A pass that took longer than drafts explain was delayed by something else.
    const double saved = std::max(given * plain_ms - ms, -kMostLoss * plain_ms);
    // What was won earlier pays for no more than one bad pass.
    saved_ms_ = std::min(saved_ms_ + saved, plain_ms);
  }
  Cost& cost = cost_[all];
  if (!known(all)) cost.ms = 0.0;
  const double newest = cost.ms == 0.0 ? 1.0 : ms < cost.ms ? kQuicker : kSlower;
  cost.ms += (ms - cost.ms) * newest;
  cost.i_pass = ++i_pass_;
  ++cost.n_seen;
}

}  // namespace bitnet
