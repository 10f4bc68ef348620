#include "probe/probes.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/pages.h"
#include "kernels/kernel_table.h"
#include "probe/peaks.h"

namespace bitnet::probe {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRepeats = 7;
constexpr uint64_t kLoops = 2'000'000;

/// Shortest time of a region on all threads, in seconds: a bound wants the best.
template <class Fn>
double shortest(ThreadPool& pool, Fn&& fn) {
  double best = 1e9;
  for (int i = 0; i < kRepeats; ++i) {
    const auto begin = Clock::now();
    pool.run(fn);
    best = std::min(best, std::chrono::duration<double>(Clock::now() - begin).count());
  }
  return best;
}

uint64_t xor_lines(const uint8_t* data, size_t bytes) {
  uint64_t lanes[8] = {};
  for (size_t at = 0; at + sizeof lanes <= bytes; at += sizeof lanes) {
    __builtin_prefetch(data + at + kPrefetchBytes);
    uint64_t line[8];
    std::memcpy(line, data + at, sizeof line);
    for (int i = 0; i < 8; ++i) lanes[i] ^= line[i];
  }
  uint64_t all = 0;
  for (const uint64_t lane : lanes) all ^= lane;
  return all;
}

double rate(ThreadPool& pool, PeakLoop loop) {
  if (loop.run == nullptr) return 0.0;
  const double seconds = shortest(pool, [&](unsigned /*i_thread*/) { loop.run(kLoops); });
  return static_cast<double>(kLoops) * loop.operations * pool.size() / seconds;
}

}  // namespace

double read_bandwidth(ThreadPool& pool, const uint8_t* data, size_t bytes) {
  constexpr size_t kLine = 64;
  std::atomic<uint64_t> sink = 0;  // or the compiler sees that nobody wants the sum
  const double seconds = shortest(pool, [&](unsigned i_thread) {
    const Share share = share_of(bytes, kLine, i_thread, pool.size());
    sink.fetch_xor(xor_lines(data + share.begin, share.end - share.begin));
  });
  return static_cast<double>(bytes) / seconds;
}

ArithmeticPeak arithmetic_peak(ThreadPool& pool, const char* target) {
  const PeakLoops loops = peak_loops(target);
  return {rate(pool, loops.int8), rate(pool, loops.f32)};
}

MachineLimits machine_limits(const char* target, unsigned n_threads, size_t bytes) {
  ThreadPool pool(n_threads);
  const PageBlock memory(bytes);
  // Pages that nobody wrote share one of zeros, which a cache holds.
  std::memset(memory.data(), 1, memory.bytes());
  const double bandwidth = read_bandwidth(pool, memory.data(), memory.bytes());
  return {bandwidth, arithmetic_peak(pool, target)};
}

}  // namespace bitnet::probe
