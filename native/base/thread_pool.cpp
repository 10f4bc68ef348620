#include "base/thread_pool.h"

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
constexpr auto kSpinTime = std::chrono::milliseconds(1);

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

ThreadPool::ThreadPool(unsigned n_threads) : tickets_(n_threads > 0 ? n_threads - 1 : 0) {
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
  stopping_ = true;
  epoch_.fetch_add(1, std::memory_order_release);
  epoch_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void ThreadPool::run_on_all(Call call, void* context) noexcept {
  call_ = call;
  context_ = context;
  unfinished_.store(static_cast<uint32_t>(threads_.size()), std::memory_order_relaxed);
  const uint32_t epoch = epoch_.fetch_add(1, std::memory_order_release) + 1;
  epoch_.notify_all();  // a plain check of a counter when nobody sleeps
  call(context, 0);
  for (unsigned i = 1; i < size(); ++i) {
    if (!take(i, epoch)) continue;
    call(context, i);
    unfinished_.fetch_sub(1, std::memory_order_relaxed);
  }
  for (uint32_t left = unfinished_.load(std::memory_order_acquire); left != 0;
       left = unfinished_.load(std::memory_order_acquire)) {
    spin_until_changed(unfinished_, left);
  }
}

/// Whether nobody has taken this thread's part of the region yet.
bool ThreadPool::take(unsigned i_thread, uint32_t epoch) noexcept {
  std::atomic<uint32_t>& taken = tickets_[i_thread - 1].epoch;
  uint32_t before = taken.load(std::memory_order_relaxed);
  while (static_cast<int32_t>(epoch - before) > 0) {
    if (taken.compare_exchange_weak(before, epoch, std::memory_order_relaxed)) return true;
  }
  return false;
}

void ThreadPool::work(unsigned i_thread) noexcept {
  uint32_t seen = 0;
  for (;;) {
    while (!spin_until_changed(epoch_, seen)) epoch_.wait(seen, std::memory_order_acquire);
    seen = epoch_.load(std::memory_order_acquire);
    if (!take(i_thread, seen)) continue;
    if (stopping_) return;
    call_(context_, i_thread);
    unfinished_.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace bitnet
