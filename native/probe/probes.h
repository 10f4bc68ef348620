#pragma once

#include <cstddef>
#include <cstdint>

#include "base/thread_pool.h"

// What the machine could do at best, to hold measurements against.

namespace bitnet::probe {

/// Bytes per second read from `data` (64-byte aligned), each thread one contiguous share, with
/// software prefetch. A true bound only when `bytes` is far above the caches.
double read_bandwidth(ThreadPool& pool, const uint8_t* data, size_t bytes);

/// Multiplications and additions per second with every operand in a register; 0 where no probe is
/// known for the target.
struct ArithmeticPeak {
  double int8;  ///< of the target's int8 dot products
  double f32;   ///< of its fused multiply-adds
};
ArithmeticPeak arithmetic_peak(ThreadPool& pool, const char* target);

/// What a number of threads reach together, per second.
struct MachineLimits {
  double read_bandwidth;
  ArithmeticPeak peak;
};
/// Both for a kernel target, in memory of its own. `bytes` are read; see read_bandwidth.
/// Throws Error kResource.
MachineLimits machine_limits(const char* target, unsigned n_threads, size_t bytes);

}  // namespace bitnet::probe
