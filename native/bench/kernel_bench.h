#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/pages.h"
#include "base/thread_pool.h"
#include "kernels/dispatch.h"
#include "probe/probes.h"

namespace bitnet::bench {

/// Times of one call, and what a call does.
struct Timing {
  std::string kernel;           ///< which one the shape called for
  std::vector<double> seconds;  ///< one per sample
  double bytes = 0.0;           ///< weights or keys and values, read once
  double operations = 0.0;      ///< multiplications and additions
};

struct TernaryCase {
  uint32_t n;
  uint32_t k;
  uint32_t m;
  uint32_t group;  ///< weights per group scale, activations then come in blocks; 0: per token
};
struct HeadCase {
  HeadType type;
  uint32_t n;
  uint32_t k;
  uint32_t m;
};
struct AttentionCase {
  KvType type;
  uint32_t n_heads;
  uint32_t n_kv_heads;
  uint32_t head_dim;
  uint32_t depth;  ///< positions before the first token
  uint32_t m;      ///< tokens
};

struct BenchOptions {
  unsigned n_threads = 1;
  unsigned n_samples = 7;
  /// Weights that the calls go around in: more than the caches hold.
  size_t cold_bytes = size_t{512} << 20;
};

/// Runs kernels of one target as the engine does: in 2 MB pages, rows split between threads, each
/// call on the next of many matrices, so that none finds its weights in a cache.
class KernelBench {
 public:
  /// Throws Error kResource.
  KernelBench(const Kernels& kernels, const BenchOptions& options);

  double read_bandwidth();
  probe::ArithmeticPeak arithmetic_peak();
  /// One timing per layout that the target itself brings.
  std::vector<Timing> ternary(const TernaryCase& one);
  Timing head(const HeadCase& one);
  Timing attention(const AttentionCase& one);

 private:
  /// At least `bytes` of memory, filled with valid ternary codes.
  const uint8_t* codes(size_t bytes);
  /// fn(i_call) over and over, for n_samples samples.
  template <class Fn>
  std::vector<double> sample(Fn&& fn);
  Timing ternary_with(const TernaryKernels& layout, const TernaryCase& one);

  const Kernels& kernels_;
  BenchOptions options_;
  ThreadPool pool_;
  PageBlock memory_;
};

}  // namespace bitnet::bench
