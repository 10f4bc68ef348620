#include "engine/drafter.h"

#include <algorithm>

namespace bitnet {
namespace {

/// Observations that a rate is the mean of, at most.
constexpr double kRemembered = 12.0;
/// Length up to which longer occurrences are preferred to later ones.
constexpr size_t kLongestMatch = 16;

/// Tokens that agree before `a` and before `b`, at most kLongestMatch.
size_t common_length(const std::vector<int32_t>& tokens, size_t a, size_t b) {
  size_t n = 0;
  while (n < kLongestMatch && n < a && tokens[a - 1 - n] == tokens[b - 1 - n]) ++n;
  return n;
}

}  // namespace

void Drafter::look_up(const std::vector<int32_t>& tokens) {
  looked_up_ = tokens.size();
  match_length_ = 0;
  if (tokens.empty()) return;
  const int32_t last = tokens.back();
  for (size_t end = tokens.size() - 1; end > match_length_; --end) {
    if (tokens[end - 1] != last) continue;
    const size_t length = common_length(tokens, end, tokens.size());
    if (length <= match_length_) continue;
    match_length_ = length;
    match_end_ = end;
    if (length == kLongestMatch) return;
  }
}

void Drafter::draft(const std::vector<int32_t>& tokens, size_t n, std::vector<int32_t>& out) {
  if (match_length_ == 0 || looked_up_ != tokens.size()) look_up(tokens);
  if (match_length_ == 0) return;
  const size_t period = tokens.size() - match_end_;
  for (size_t i = 0; i < n; ++i) out.push_back(tokens[match_end_ + i % period]);
}

void Drafter::observe(const std::vector<int32_t>& tokens) {
  if (match_length_ == 0 || looked_up_ + 1 != tokens.size()) return;
  const bool right = tokens[match_end_] == tokens.back();
  Rate& rate = rate_[level(match_length_)];
  rate.n_seen = std::min(rate.n_seen + 1.0, kRemembered);
  rate.right += ((right ? 1.0 : 0.0) - rate.right) / rate.n_seen;
  if (!right) return reset();
  ++looked_up_;
  ++match_end_;
  ++match_length_;
}

}  // namespace bitnet
