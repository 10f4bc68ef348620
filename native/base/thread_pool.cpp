#include "base/thread_pool.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <system_error>

#include "base/error.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace bitnet {
namespace {

constexpr unsigned kPausesBeforeYield = 400;  // some 5 to 15 us
/// While the engine samples for several sequences, the core is of more use to who reads the tokens.
constexpr auto kSpinTime = std::chrono::microseconds(50);
/// Others whose pieces a thread looks for when it has done its own, lest many crowd around the last
/// ones; where a part is one piece, only the caller looks, at all.
constexpr unsigned kHelped = 3;

void pause() noexcept {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// Waits until `value` differs from `old`; returns false when it gave up and should sleep.
bool spin_until_changed(const std::atomic<uint32_t>& value, uint32_t old) noexcept {
  for (unsigned i = 0; i < kPausesBeforeYield; ++i) {
    if (value.load(std::memory_order_acquire) != old) return true;
    pause();
  }
  const auto deadline = std::chrono::steady_clock::now() + kSpinTime;
  while (std::chrono::steady_clock::now() < deadline) {
    // Another process may need this core, perhaps to finish what is waited for.
    std::this_thread::yield();
    if (value.load(std::memory_order_acquire) != old) return true;
  }
  return false;
}

}  // namespace

ThreadPool::ThreadPool(unsigned n_threads) : tickets_(std::max(n_threads, 1u)) {
  try {
    for (unsigned i = 1; i < n_threads; ++i) threads_.emplace_back([this, i] { work(i); });
  } catch (const std::system_error&) {
    stop();
    throw Error(ErrorCode::kResource,
                "the system refused thread " + std::to_string(threads_.size() + 2) + " of " +
                    std::to_string(n_threads),
                "pass a smaller --threads");
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() noexcept {
  stopping_.store(true, std::memory_order_relaxed);
  region_.fetch_add(kRegionStep, std::memory_order_release);
  region_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void ThreadPool::run_on_all(Call call, void* context, unsigned n_each) noexcept {
  call_ = call;
  context_ = context;
  unfinished_.store(n_each * size(), std::memory_order_relaxed);
  const Region last = region_.load(std::memory_order_relaxed);
  const Region region = (last / kRegionStep + 1) * kRegionStep + n_each;
  region_.store(region, std::memory_order_release);
  region_.notify_all();  // a plain check of a counter when nobody sleeps
  unfinished_.fetch_sub(do_pieces(0, region, size() - 1), std::memory_order_relaxed);
  for (uint32_t left = unfinished_.load(std::memory_order_acquire); left != 0;
       left = unfinished_.load(std::memory_order_acquire)) {
    spin_until_changed(unfinished_, left);
  }
}

/// Does what is left of a thread's own part, then of the parts of `n_helped` others. Returns how
/// many pieces that was.
uint32_t ThreadPool::do_pieces(unsigned i_thread, Region region, unsigned n_helped) noexcept {
  const unsigned n_each = region % kRegionStep;
  uint32_t n_done = 0;
  for (unsigned i = 0; i <= std::min(n_helped, size() - 1); ++i) {
    const unsigned owner = (i_thread + i) % size();
    for (unsigned piece = 0; take(owner, region, &piece); ++n_done) {
      call_(context_, i_thread, owner * n_each + piece);
    }
  }
  return n_done;
}

/// Takes the next piece of a part. False when there is none left, or the region has ended.
bool ThreadPool::take(unsigned owner, Region region, unsigned* piece) noexcept {
  std::atomic<uint64_t>& taken = tickets_[owner].taken;
  uint64_t before = taken.load(std::memory_order_relaxed);
  for (;;) {
    const auto age = static_cast<int32_t>(region - static_cast<Region>(before >> 32));
    if (age < 0) return false;
    const auto next = age > 0 ? 0 : static_cast<uint32_t>(before);
    if (next == region % kRegionStep) return false;
    const uint64_t after = uint64_t{region} << 32 | (next + 1);
    if (!taken.compare_exchange_weak(before, after, std::memory_order_relaxed)) continue;
    *piece = next;
    return true;
  }
}

void ThreadPool::work(unsigned i_thread) noexcept {
  Region seen = 0;
  for (;;) {
    while (!spin_until_changed(region_, seen)) region_.wait(seen, std::memory_order_acquire);
    seen = region_.load(std::memory_order_acquire);
    if (stopping_.load(std::memory_order_relaxed)) return;
    const uint32_t n_done = do_pieces(i_thread, seen, seen % kRegionStep > 1 ? kHelped : 0);
    if (n_done > 0) unfinished_.fetch_sub(n_done, std::memory_order_release);
  }
}

}  // namespace bitnet
