#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

namespace bitnet {

/// Threads that run the same function at once, for regions of a few microseconds.
/// Waiting threads spin (a hand-over costs 0.2 us, against 40 us through the kernel) and go to
/// sleep after about a millisecond without work.
class ThreadPool {
 public:
  /// `n_threads` counts the caller: n_threads - 1 threads are started.
  /// Throws Error kResource when the system refuses a thread.
  explicit ThreadPool(unsigned n_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  unsigned size() const noexcept { return static_cast<unsigned>(threads_.size()) + 1; }

  /// Calls fn(i_thread) once on every thread, i_thread 0 on the caller, and returns when all have
  /// ended. `fn` must not throw. One region at a time; called by one thread only.
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
  void stop() noexcept;

  // Written before `epoch_` is advanced, read after it was seen to advance.
  Call call_ = nullptr;
  void* context_ = nullptr;
  bool stopping_ = false;
  alignas(64) std::atomic<uint32_t> epoch_{0};
  alignas(64) std::atomic<uint32_t> unfinished_{0};
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
