#include "bench/kernel_bench.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

#include "base/error.h"
#include "bench/random.h"
#include "formats/format.h"

namespace bitnet::bench {
namespace {

using Clock = std::chrono::steady_clock;

/// Long enough for the clock and for a cold start to fade.
constexpr double kSampleSeconds = 0.02;
constexpr uint32_t kScaleRows = 16;
constexpr uint16_t kHalfOne = 0x3c00;

constexpr size_t round_up(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

const Format& head_format(HeadType type) {
  static constexpr const char* kNames[kHeadTypeCount] = {"f32", "f16", "bf16", "q8_0", "q6_k"};
  return *find_format(kNames[static_cast<size_t>(type)]);
}

const char* layout_name(TernaryLayout layout) {
  switch (layout) {
    case TernaryLayout::kRows:
      return " rows";
    case TernaryLayout::kBlocks16:
      return " blocks16";
    case TernaryLayout::kQuads16:
      return " quads16";
    case TernaryLayout::kFives16:
    case TernaryLayout::kFives16By85:
      break;
  }
  return " fives16";
}

/// Activations of a ternary product in both integer forms.
struct Input {
  Input(uint32_t m, uint32_t k_padded)
      : q(m * size_t{k_padded}),
        scale(m, 1.0f),
        sum(m, 0),
        block_scale(q.size() / kActivationBlock, 1.0f),
        block_sum(block_scale.size(), 0) {
    fill_codes(q);
    x = {m,       q.data(),           k_padded,         scale.data(), sum.data(),
         nullptr, block_scale.data(), block_sum.data(), nullptr,      0};
  }
  void pack(const TernaryKernels& kernels, uint32_t k_padded) {
    const size_t rows = round_up(x.m, kernels.m_tile);
    packed = PageBlock(rows * k_padded);
    auto* out = reinterpret_cast<int8_t*>(packed.data());
    kernels.pack_x(x, k_padded, 0, static_cast<uint32_t>(rows), out);
    x.packed = out;
  }

  std::vector<int8_t> q;
  std::vector<float> scale;
  std::vector<int32_t> sum;
  std::vector<float> block_scale;
  std::vector<int32_t> block_sum;
  PageBlock packed;
  TernaryInput x;
};

}  // namespace

KernelBench::KernelBench(const Kernels& kernels, const BenchOptions& options)
    : kernels_(kernels), options_(options), pool_(options.n_threads) {}

const uint8_t* KernelBench::codes(size_t bytes) {
  if (memory_.bytes() >= bytes) return memory_.data();
  memory_ = PageBlock();
  memory_ = PageBlock(bytes);
  constexpr size_t kPattern = size_t{1} << 20;
  fill_trits(memory_.data(), std::min(kPattern, bytes));
  for (size_t at = kPattern; at < bytes; at += kPattern) {
    std::memcpy(memory_.data() + at, memory_.data(), std::min(kPattern, bytes - at));
  }
  return memory_.data();
}

template <class Fn>
std::vector<double> KernelBench::sample(Fn&& fn) {
  std::vector<double> samples;
  size_t i_call = 0;
  // The first sample warms code, activations and page tables.
  for (unsigned i = 0; i <= options_.n_samples; ++i) {
    size_t n_calls = 0;
    const auto begin = Clock::now();
    double elapsed = 0.0;
    do {
      fn(i_call++);
      ++n_calls;
      elapsed = seconds_since(begin);
    } while (elapsed < kSampleSeconds);
    if (i > 0) samples.push_back(elapsed / static_cast<double>(n_calls));
  }
  return samples;
}

double KernelBench::read_bandwidth() {
  return probe::read_bandwidth(pool_, codes(options_.cold_bytes), options_.cold_bytes);
}

probe::ArithmeticPeak KernelBench::arithmetic_peak() {
  return probe::arithmetic_peak(pool_, kernels_.table.name);
}

std::vector<Timing> KernelBench::ternary(const TernaryCase& one) {
  std::vector<Timing> timings;
  for (const KernelTable* target : kernel_targets()) {
    if (std::strcmp(target->name, kernels_.table.name) != 0 || target->ternary == nullptr) continue;
    for (auto* const* layout = target->ternary; *layout != nullptr; ++layout) {
      timings.push_back(ternary_with(**layout, one));
    }
  }
  return timings;
}

Timing KernelBench::ternary_with(const TernaryKernels& layout, const TernaryCase& one) {
  const auto k_padded = static_cast<uint32_t>(round_up(one.k, kTernaryGroup));
  const size_t n_padded = round_up(one.n, std::max(layout.n_multiple, kScaleRows));
  const size_t code_bytes = ternary_bytes(layout.layout, n_padded, k_padded);
  const size_t n_scales = one.group == 0 ? 0 : n_padded * k_padded / one.group;
  const size_t stride = round_up(code_bytes, PageArena::kAlign);
  const size_t n_matrices = std::max<size_t>(1, options_.cold_bytes / stride);
  const uint8_t* data = codes(n_matrices * stride);
  const std::vector<float> row_scales(n_padded, 1.0f);
  const std::vector<uint16_t> group_scales(n_matrices * n_scales, kHalfOne);

  Input input(one.m, k_padded);
  const bool direct = one.m <= layout.m_direct;
  const bool packs = one.group == 0 && !direct && layout.pack_x != nullptr;
  if (packs) input.pack(layout, k_padded);
  const size_t scratch_bytes = round_up(layout.scratch_bytes(k_padded), 64);
  PageBlock scratch(std::max<size_t>(1, scratch_bytes * pool_.size()));
  std::vector<float> y(one.m * size_t{one.n});

  Timing timing;
  timing.kernel = one.group != 0 ? "blocks" : direct ? "gemv" : "gemm";
  timing.kernel += layout_name(layout.layout);
  timing.bytes = static_cast<double>(code_bytes + n_scales * sizeof(uint16_t));
  timing.operations = 2.0 * one.m * one.n * one.k;
  timing.seconds = sample([&](size_t i_call) {
    const size_t i = i_call % n_matrices;
    const TernaryMatrix w = {data + i * stride,
                             row_scales.data(),
                             n_scales ? &group_scales[i * n_scales] : nullptr,
                             one.n,
                             one.k,
                             k_padded,
                             one.group};
    pool_.run([&](unsigned i_thread) {
      const uint32_t unit = std::max(layout.n_multiple, kScaleRows);
      const Share share = share_of(one.n, unit, i_thread, pool_.size());
      const auto begin = static_cast<uint32_t>(share.begin);
      const auto end = static_cast<uint32_t>(share.end);
      if (begin == end) return;
      void* mine = scratch.data() + i_thread * scratch_bytes;
      if (one.group != 0) {
        layout.multiply_blocks(w, input.x, begin, end, y.data(), one.n, mine);
      } else if (direct) {
        layout.gemv(w, input.x, begin, end, y.data(), one.n);
      } else {
        layout.gemm(w, input.x, begin, end, y.data(), one.n, mine);
      }
    });
  });
  return timing;
}

Timing KernelBench::head(const HeadCase& one) {
  const Format& format = head_format(one.type);
  const size_t row_bytes = payload_bytes(format, 1, one.k);
  if (row_bytes == 0) {
    throw Error(ErrorCode::kUsage, std::string(format.name) + " rows of " + std::to_string(one.k) +
                                       " weights do not exist");
  }
  const size_t bytes = one.n * row_bytes;
  const size_t stride = round_up(bytes, PageArena::kAlign);
  const size_t n_matrices = std::max<size_t>(1, options_.cold_bytes / stride);
  const uint8_t* data = codes(n_matrices * stride + kPrefetchBytes);

  const size_t q_stride = round_up(one.k, kHeadBlock);
  const size_t d_stride = q_stride / kHeadBlock;
  std::vector<float> x(one.m * q_stride, 1.0f);
  PageBlock q(x.size());
  std::vector<float> d(one.m * d_stride);
  fill_floats(x);
  for (uint32_t i = 0; i < one.m; ++i) {
    kernels_.table.quantize_head(&x[i * q_stride], one.k, q.data() + i * q_stride,
                                 &d[i * d_stride]);
  }
  const HeadInput input = {x.data(), q_stride, q.data(), d.data(), q_stride, one.m};
  std::vector<float> y(size_t{one.m} * one.n);
  const auto multiply = kernels_.table.head[static_cast<size_t>(one.type)];

  Timing timing;
  timing.kernel = std::string("head ") + format.name;
  timing.bytes = static_cast<double>(bytes);
  timing.operations = 2.0 * one.m * one.n * one.k;
  timing.seconds = sample([&](size_t i_call) {
    const HeadMatrix w = {data + i_call % n_matrices * stride, one.n, one.k, row_bytes};
    pool_.run([&](unsigned i_thread) {
      const Share share = share_of(one.n, 1, i_thread, pool_.size());
      multiply(w, input, static_cast<uint32_t>(share.begin), static_cast<uint32_t>(share.end),
               y.data(), one.n);
    });
  });
  return timing;
}

Timing KernelBench::attention(const AttentionCase& one) {
  constexpr uint32_t kStep = 32;  // tokens of a task, as in Activations
  const KvKernels& kv = kernels_.table.kv[static_cast<size_t>(one.type)];
  const uint32_t group = one.n_heads / one.n_kv_heads;
  const size_t head_bytes = kv_chunk_bytes(one.head_dim, kv);
  const size_t chunk_bytes = 2 * head_bytes * one.n_kv_heads;
  const size_t n_positions = size_t{one.depth} + one.m;
  const size_t n_chunks = round_up(n_positions, kKvChunk) / kKvChunk;
  const size_t n_layers = std::max<size_t>(1, options_.cold_bytes / (n_chunks * chunk_bytes));

  PageBlock cache(n_layers * n_chunks * chunk_bytes);
  std::vector<float> row(one.head_dim);
  for (uint32_t pos = 0; pos < kKvChunk * one.n_kv_heads; ++pos) {
    fill_floats(row);
    uint8_t* head = cache.data() + pos / kKvChunk * 2 * head_bytes;
    kv.store(row.data(), row.data(), one.head_dim, pos % kKvChunk, head, head + head_bytes);
  }
  std::vector<const uint8_t*> chunks(n_layers * n_chunks);
  for (size_t i = 0; i < chunks.size(); ++i) {
    uint8_t* chunk = cache.data() + i * chunk_bytes;
    if (i > 0) std::memcpy(chunk, cache.data(), chunk_bytes);
    chunks[i] = chunk;
  }

  const size_t stride = size_t{one.n_heads} * one.head_dim;
  std::vector<float> q(one.m * stride);
  std::vector<float> out(q.size());
  fill_floats(q);
  const size_t scratch_floats =
      round_up(attention_scratch_floats(size_t{kStep} * group, one.head_dim), 16);
  PageBlock scratch(scratch_floats * sizeof(float) * pool_.size());
  const size_t n_steps = (one.m + kStep - 1) / kStep;

  Timing timing;
  timing.kernel = "attention";
  timing.bytes = 2.0 * static_cast<double>(n_positions) * one.n_kv_heads *
                 (static_cast<double>(one.head_dim) * kv.elem_bytes + kv.scale_bytes);
  const double seen = one.m * (one.depth + (one.m + 1) / 2.0);  // positions, over all tokens
  timing.operations = 4.0 * seen * static_cast<double>(stride);
  timing.seconds = sample([&](size_t i_call) {
    const uint8_t* const* layer = &chunks[i_call % n_layers * n_chunks];
    std::atomic<size_t> next = 0;
    pool_.run([&](unsigned i_thread) {
      auto* mine = reinterpret_cast<float*>(scratch.data()) + i_thread * scratch_floats;
      for (size_t i = next.fetch_add(1); i < n_steps * one.n_kv_heads; i = next.fetch_add(1)) {
        // Late tokens look back furthest and come first.
        const auto first = static_cast<uint32_t>((n_steps - 1 - i / one.n_kv_heads) * kStep);
        const auto kv_head = static_cast<uint32_t>(i % one.n_kv_heads);
        const size_t at = first * stride + size_t{kv_head} * group * one.head_dim;
        kv.attend({&q[at], &out[at], stride, std::min(kStep, one.m - first), group, one.head_dim,
                   one.depth + first, 0.1f, layer, kv_head * 2 * head_bytes,
                   kv_head * 2 * head_bytes + head_bytes, mine});
      }
    });
  });
  return timing;
}

}  // namespace bitnet::bench
