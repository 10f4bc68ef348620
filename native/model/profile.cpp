#include "model/profile.h"

namespace bitnet {

const char* stage_name(Stage stage) {
  static constexpr const char* kNames[kStageCount] = {
      "embedding", "norm, quantise", "q, k, v", "rope, store", "attention", "attention output",
      "gate, up",  "activation",     "down",    "residual",    "head",      "sampling",
  };
  return kNames[static_cast<size_t>(stage)];
}

void Profile::restart() noexcept {
  for (Thread& thread : threads_) thread.work = 0.0;
  last_ = Clock::now();
}

void Profile::lap(Stage stage) noexcept {
  const Clock::time_point now = Clock::now();
  Spent& spent = spent_[static_cast<size_t>(stage)];
  spent.wall += std::chrono::duration<double>(now - last_).count();
  last_ = now;
  for (Thread& thread : threads_) {
    spent.work += thread.work;
    thread.work = 0.0;
  }
}

}  // namespace bitnet
