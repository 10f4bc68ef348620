#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

namespace bitnet {

/// Threads that run the same function at once, for regions of a few microseconds.
/// Waiting threads spin (a hand-over costs 0.2 us, against 40 us through the kernel), soon let
/// others have their core and go to sleep after about a millisecond without work. The caller does
/// not wait for a thread that has not begun when it has done its own part, perhaps because another
/// process has its core: it does that part as well.
class ThreadPool {
 public:
  /// `n_threads` counts the caller: n_threads - 1 threads are started.
  /// Throws Error kResource when the system refuses a thread.
  explicit ThreadPool(unsigned n_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  unsigned size() const noexcept { return static_cast<unsigned>(threads_.size()) + 1; }

  /// Calls fn(i) once for every i below size() and returns when all have ended: fn(0) on the
  /// caller, fn(i) on thread i, or on the caller if that comes late. `fn` must not throw. One
  /// region at a time; called by one thread only.
  template <class Fn>
  void run(Fn&& fn) noexcept {
    using Plain = std::remove_reference_t<Fn>;
    run_on_all([](void* context, unsigned i_thread) { (*static_cast<Plain*>(context))(i_thread); },
               const_cast<void*>(static_cast<const void*>(&fn)));
  }

 private:
  using Call = void (*)(void* context, unsigned i_thread);
  void run_on_all(Call call, void* context) noexcept;
  void work(unsigned i_thread) noexcept;
  bool take(unsigned i_thread, uint32_t epoch) noexcept;
  void stop() noexcept;

  /// The region whose part of a thread was last taken by someone.
  struct alignas(64) Ticket {
    std::atomic<uint32_t> epoch{0};
  };

  // Written before `epoch_` is advanced; read by who has taken a part of it, which keeps it from
  // ending.
  Call call_ = nullptr;
  void* context_ = nullptr;
  bool stopping_ = false;
  alignas(64) std::atomic<uint32_t> epoch_{0};
  alignas(64) std::atomic<uint32_t> unfinished_{0};  ///< parts, without the caller's own
  std::vector<Ticket> tickets_;                      ///< of thread i + 1
  std::vector<std::thread> threads_;
};

/// Half-open range of `n` items that falls to one of `n_threads`, in whole multiples of `unit`.
struct Share {
  size_t begin;
  size_t end;
};

inline Share share_of(size_t n, size_t unit, unsigned i_thread, unsigned n_threads) {
  const size_t units = (n + unit - 1) / unit;
  const size_t begin = units * i_thread / n_threads * unit;
  const size_t end = units * (i_thread + 1) / n_threads * unit;
  return {begin < n ? begin : n, end < n ? end : n};
}

}  // namespace bitnet
