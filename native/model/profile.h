#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bitnet {

/// Parts of the way from a token to the next, in their order.
enum class Stage : uint8_t {
  kEmbedding,   ///< embedding and the angles of RoPE
  kQuantise,    ///< norms, int8 codes, packing for gemm; of all products but the head's
  kQkv,         ///< products
  kRope,        ///< RoPE, head norms, storing keys and values
  kAttention,   ///< scores, softmax, values
  kAttnOutput,  ///< product
  kGateUp,      ///< products
  kActivation,  ///< f(gate) * up
  kDown,        ///< product
  kResidual,    ///< adding to the stream
  kHead,        ///< last norm and logits
  kSampling,    ///< counted by the caller of Forward
};
constexpr size_t kStageCount = 12;
const char* stage_name(Stage stage);

/// Where the time of forward passes goes. Stages follow one another on the engine thread, so their
/// times sum to the whole; what the threads of a stage worked is counted beside it.
class Profile {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Profile(unsigned n_threads) : threads_(n_threads), last_(Clock::now()) {}

  /// What happened since the last lap counts for no stage.
  void restart() noexcept;
  /// The time since the last lap goes to `stage`, as does the work since then.
  void lap(Stage stage) noexcept;

  double seconds(Stage stage) const { return spent_[static_cast<size_t>(stage)].wall; }
  /// Sum over the threads: what is missing from seconds * n_threads they waited, or one of them
  /// worked alone outside a parallel region.
  double work_seconds(Stage stage) const { return spent_[static_cast<size_t>(stage)].work; }

  /// Counts its own lifetime as work of a thread; does nothing without a profile.
  class Work {
   public:
    Work(Profile* profile, unsigned i_thread) noexcept
        : seconds_(profile == nullptr ? nullptr : &profile->threads_[i_thread].work) {
      if (seconds_ != nullptr) begin_ = Clock::now();
    }
    ~Work() {
      if (seconds_ != nullptr) *seconds_ += seconds_since(begin_);
    }
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;

   private:
    double* seconds_;
    Clock::time_point begin_;
  };

 private:
  static double seconds_since(Clock::time_point begin) noexcept {
    return std::chrono::duration<double>(Clock::now() - begin).count();
  }

  /// A cache line each: threads write theirs at the same time.
  struct alignas(64) Thread {
    double work = 0.0;
  };
  struct Spent {
    double wall = 0.0;
    double work = 0.0;
  };

  std::vector<Thread> threads_;
  Clock::time_point last_;
  std::array<Spent, kStageCount> spent_ = {};
};

}  // namespace bitnet
