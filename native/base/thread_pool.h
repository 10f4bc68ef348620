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
/// others have their core and go to sleep after some 50 us without work. Who has done its own part
/// goes on with what others have not begun of theirs: they may be slower, asleep, or late because
/// another process has their core. Nobody waits for more than a piece that someone is at.
class ThreadPool {
 public:
  /// Pieces of a thread's part at most.
  static constexpr unsigned kMostPieces = 4;

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
    run_on_all([](void* context, unsigned /*i_thread*/,
                  unsigned i_piece) { (*static_cast<Plain*>(context))(i_piece); },
               const_cast<void*>(static_cast<const void*>(&fn)), 1);
  }

  /// The same with parts of `n_each` pieces, 1 to kMostPieces: calls fn(i_thread, i_piece) on
  /// thread i_thread, once for every i_piece below n_each * size(). The part of a thread is n_each
  /// in a row.
  template <class Fn>
  void run_pieces(unsigned n_each, Fn&& fn) noexcept {
    using Plain = std::remove_reference_t<Fn>;
    run_on_all([](void* context, unsigned i_thread,
                  unsigned i_piece) { (*static_cast<Plain*>(context))(i_thread, i_piece); },
               const_cast<void*>(static_cast<const void*>(&fn)), n_each);
  }

 private:
  using Call = void (*)(void* context, unsigned i_thread, unsigned i_piece);
  /// A region: its number, and in the lowest bits the pieces of each part.
  using Region = uint32_t;
  static constexpr Region kRegionStep = 8;
  static_assert(kMostPieces < kRegionStep);

  void run_on_all(Call call, void* context, unsigned n_each) noexcept;
  void work(unsigned i_thread) noexcept;
  uint32_t do_pieces(unsigned i_thread, Region region, unsigned n_helped) noexcept;
  bool take(unsigned owner, Region region, unsigned* piece) noexcept;
  void stop() noexcept;

  /// What was taken of a thread's part: the region in the upper half, pieces in the lower.
  struct alignas(64) Ticket {
    std::atomic<uint64_t> taken{0};
  };

  // Written before `region_` is advanced; read by who has taken a piece of it, which keeps it from
  // ending.
  Call call_ = nullptr;
  void* context_ = nullptr;
  std::atomic<bool> stopping_{false};
  alignas(64) std::atomic<Region> region_{0};
  alignas(64) std::atomic<uint32_t> unfinished_{0};  ///< pieces
  std::vector<Ticket> tickets_;                      ///< of every thread, the caller's first
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
