// AVX-VNNI: VPDPBUSD on ymm registers, in CPUs without AVX-512. Weights in blocks of 16 rows as for
// AVX-512: a lane is a row, activations are broadcast.
//
// Compiled once more for the self-test, with the same instruction as AVX-512 encodes it
// (BITNET_AVXVNNI_BY_AVX512).

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/kernel_table.h"

namespace bitnet {
namespace {

#include "kernels/x86/ymm-inl.h"

inline void dot4_add(__m256i& sum, __m256i a, __m256i b) {
#ifdef BITNET_AVXVNNI_BY_AVX512
  sum = _mm256_dpbusd_epi32(sum, a, b);
#else
  sum = _mm256_dpbusd_avx_epi32(sum, a, b);
#endif
}
inline __m256i dot4(__m256i a, __m256i b) {
  __m256i sum = _mm256_setzero_si256();
  dot4_add(sum, a, b);
  return sum;
}

#include "kernels/x86/ymm_products-inl.h"

inline __m256i load_aligned(const uint8_t* p) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(p));
}

/// Four planes of codes of 8 rows' dwords, each plane 8 * 64 bytes after the last.
inline void unpack_planes(__m256i v, uint8_t* out) {
  const __m256i mask = _mm256_set1_epi8(3);
  for (uint32_t plane = 0; plane < 4; ++plane) {
    const __m256i codes =
        _mm256_and_si256(_mm256_srli_epi16(v, static_cast<int>(6 - 2 * plane)), mask);
    _mm256_store_si256(reinterpret_cast<__m256i*>(out + size_t{plane} * 8 * 64), codes);
  }
}

inline void unpack_group(const TernaryMatrix& w, uint32_t row, uint32_t /*row_end*/, uint32_t g,
                         uint8_t* out) {
  const uint8_t* group = w.data + size_t{row} * (w.k_padded / 4) + size_t{g} * 512;
  for (uint32_t i = 0; i < 8; ++i) {
    prefetch(group + 64 * i, kPrefetchBytes);
    unpack_planes(load_aligned(group + 64 * i), out + 64 * i);
    unpack_planes(load_aligned(group + 64 * i + 32), out + 64 * i + 32);
  }
}

/// Signed bytes as VPDPBUSD wants them: keys become its unsigned operand.
struct Bytes {
  __m256i low, high;
};
using Dots = I32x16;
constexpr int32_t kKeyBias = 128;
inline Bytes load_keys(const uint8_t* p) {
  const __m256i top = _mm256_set1_epi8(-128);
  return {_mm256_xor_si256(load_256(p), top), _mm256_xor_si256(load_256(p + 32), top)};
}
inline Bytes load_values(const uint8_t* p) { return {load_256(p), load_256(p + 32)}; }
inline Dots dots_of(int32_t start) { return set1_i32(start); }
inline void add_keys(Dots& dots, Bytes keys, const int8_t* four) {
  const __m256i q = broadcast_4(four);
  dot4_add(dots.low, keys.low, q);
  dot4_add(dots.high, keys.high, q);
}
inline void add_values(Dots& dots, Bytes values, const uint8_t* four) {
  const __m256i weights = broadcast_4(reinterpret_cast<const int8_t*>(four));
  dot4_add(dots.low, weights, values.low);
  dot4_add(dots.high, weights, values.high);
}

constexpr uint32_t kBlockTokens = 2;
// 8 accumulator registers of the 16.
constexpr uint32_t kAttentionRows = 4;
constexpr uint32_t kAttentionBlocks = 1;
constexpr uint32_t kPairedRows = 2;
constexpr uint32_t kByteRows = 4;
constexpr uint32_t kByteBlocks = 1;

#include "kernels/generic/vector_ops-inl.h"
//
#include "kernels/generic/attention-inl.h"
//
#include "kernels/generic/attention_float-inl.h"
#include "kernels/generic/attention_int8-inl.h"
#include "kernels/generic/head-inl.h"
#include "kernels/generic/ternary-inl.h"
#include "kernels/generic/table-inl.h"

// ---------------------------------------------------------------- ternary, blocks of 16 rows

constexpr uint32_t kBlockRows = 16;
constexpr uint32_t kDirect = 4;
constexpr uint32_t kTile = 6;

void pack(const uint8_t* rows, uint32_t k_padded, uint8_t* out) {
  const size_t row_bytes = k_padded / 4;
  for (size_t dword = 0; dword < row_bytes / 4; ++dword) {
    for (uint32_t r = 0; r < kBlockRows; ++r) {
      __builtin_memcpy(out + 64 * dword + 4 * size_t{r}, rows + r * row_bytes + 4 * dword, 4);
    }
  }
}

/// y of up to 16 rows and one token from their dots.
inline void store_rows(I32x16 dots, const TernaryMatrix& w, const TernaryInput& x, uint32_t token,
                       uint32_t row, uint32_t n_rows, float* y) {
  const __m256i sum = _mm256_set1_epi32(x.sum[token]);
  const I32x16 exact = {_mm256_sub_epi32(dots.low, sum), _mm256_sub_epi32(dots.high, sum)};
  const F32x16 factor = div(load(w.row_scales + row), set1(x.scale[token]));
  if (n_rows == kBlockRows) {
    store(mul(to_f32(exact), factor), y + row);
  } else {
    store_partial(mul(to_f32(exact), factor), y + row, n_rows);
  }
}

/// One activation row: codes are masked in place; see the AVX-512 kernel.
void gemv_1(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin, uint32_t row_end,
            float* y) {
  const __m256i mask0 = _mm256_set1_epi8(static_cast<char>(0xc0));
  const __m256i mask1 = _mm256_set1_epi8(0x30);
  const __m256i mask2 = _mm256_set1_epi8(0x0c);
  const __m256i mask3 = _mm256_set1_epi8(0x03);
  for (uint32_t row = row_begin; row < row_end; row += kBlockRows) {
    const uint8_t* block = w.data + size_t{row} * (w.k_padded / 4);
    I32x16 sum0 = set1_i32(0);
    I32x16 sum1 = sum0;
    I32x16 sum2 = sum0;
    I32x16 sum3 = sum0;
    for (uint32_t k = 0; k < w.k_padded; k += kTernaryGroup, block += 512) {
      const int8_t* q = x.q + k;
      for (uint32_t i = 0; i < 8; ++i) {
        const __m256i low = load_aligned(block + 64 * i);
        const __m256i high = load_aligned(block + 64 * i + 32);
        prefetch(block + 64 * i, kPrefetchBytes);
        const auto add_plane = [&](I32x16& sum, __m256i mask, const int8_t* four) {
          const __m256i codes = broadcast_4(four);
          dot4_add(sum.low, _mm256_and_si256(low, mask), codes);
          dot4_add(sum.high, _mm256_and_si256(high, mask), codes);
        };
        add_plane(sum0, mask0, q + 4 * i);
        add_plane(sum1, mask1, q + 32 + 4 * i);
        add_plane(sum2, mask2, q + 64 + 4 * i);
        add_plane(sum3, mask3, q + 96 + 4 * i);
      }
    }
    const auto total = [](__m256i a, __m256i b, __m256i c, __m256i d) {
      return _mm256_add_epi32(_mm256_add_epi32(_mm256_srai_epi32(a, 6), _mm256_srai_epi32(b, 4)),
                              _mm256_add_epi32(_mm256_srai_epi32(c, 2), d));
    };
    store_rows({total(sum0.low, sum1.low, sum2.low, sum3.low),
                total(sum0.high, sum1.high, sum2.high, sum3.high)},
               w, x, 0, row, rows_left(row, row_end), y);
  }
}

/// A few activation rows: codes are shifted down once and shared.
template <uint32_t m>
void gemv_m(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin, uint32_t row_end,
            float* y, size_t y_stride) {
  const __m256i mask = _mm256_set1_epi8(3);
  for (uint32_t row = row_begin; row < row_end; row += kBlockRows) {
    const uint8_t* block = w.data + size_t{row} * (w.k_padded / 4);
    I32x16 sum[m];
    for (auto& lanes : sum) lanes = set1_i32(0);
    for (uint32_t k = 0; k < w.k_padded; k += kTernaryGroup, block += 512) {
      for (uint32_t i = 0; i < 8; ++i) {
        const __m256i low = load_aligned(block + 64 * i);
        const __m256i high = load_aligned(block + 64 * i + 32);
        prefetch(block + 64 * i, kPrefetchBytes);
#pragma GCC unroll 4
        for (uint32_t plane = 0; plane < 4; ++plane) {
          const int shift = static_cast<int>(6 - 2 * plane);
          const __m256i low_codes = _mm256_and_si256(_mm256_srli_epi16(low, shift), mask);
          const __m256i high_codes = _mm256_and_si256(_mm256_srli_epi16(high, shift), mask);
#pragma GCC unroll 4
          for (uint32_t t = 0; t < m; ++t) {
            const __m256i q = broadcast_4(x.q + t * x.q_stride + k + 32 * plane + 4 * i);
            dot4_add(sum[t].low, low_codes, q);
            dot4_add(sum[t].high, high_codes, q);
          }
        }
      }
    }
    for (uint32_t t = 0; t < m; ++t) {
      store_rows(sum[t], w, x, t, row, rows_left(row, row_end), y + t * y_stride);
    }
  }
}

void gemv(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin, uint32_t row_end,
          float* y, size_t y_stride) {
  switch (x.m) {
    case 1:
      return gemv_1(w, x, row_begin, row_end, y);
    case 2:
      return gemv_m<2>(w, x, row_begin, row_end, y, y_stride);
    case 3:
      return gemv_m<3>(w, x, row_begin, row_end, y, y_stride);
    default:
      return gemv_m<4>(w, x, row_begin, row_end, y, y_stride);
  }
}

// gemm: a block is unpacked to one byte per code, [k/4][16 rows][4], and multiplied by tiles of 6
// activation rows packed as [k/4][6][4]: 12 accumulators, 2 codes, 1 broadcast.
// A call of its own: inlined once per size, g++ keeps the accumulators in memory.
template <uint32_t... i>
__attribute__((noinline)) void multiply_tile(const uint8_t* panel, const int8_t* tile,
                                             uint32_t n_steps, I32x16 (&total)[kTile],
                                             Indices<i...> /*rows*/) {
  __m256i first[sizeof...(i)] = {(static_cast<void>(i), _mm256_setzero_si256())...};
  __m256i second[sizeof...(i)] = {(static_cast<void>(i), _mm256_setzero_si256())...};
  for (uint32_t step = 0; step < n_steps; ++step, panel += 64, tile += kTile * 4) {
    const __m256i w0 = load_aligned(panel);
    const __m256i w1 = load_aligned(panel + 32);
    const auto add_products = [&](__m256i& a, __m256i& b, const int8_t* four) {
      const __m256i q = broadcast_4(four);
      dot4_add(a, w0, q);
      dot4_add(b, w1, q);
      // g++ would load all six broadcasts first and spill the accumulators.
      __asm__ volatile("" : "+x"(a), "+x"(b) : : "memory");
    };
    (add_products(first[i], second[i], tile + 4 * i), ...);
  }
  ((total[i] = {first[i], second[i]}), ...);
}

void gemm(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin, uint32_t row_end,
          float* y, size_t y_stride, void* scratch) {
  auto* panel = static_cast<uint8_t*>(scratch);
  for (uint32_t row = row_begin; row < row_end; row += kBlockRows) {
    for (uint32_t g = 0; g < w.k_padded / kTernaryGroup; ++g) {
      unpack_group(w, row, row_end, g, panel + size_t{g} * kTernaryGroup * kBlockRows);
    }
    for (uint32_t tile = 0; tile < x.m; tile += kTile) {
      I32x16 total[kTile];
      const uint32_t n_tokens = x.m - tile < kTile ? x.m - tile : kTile;
      with_indices<kTile>(n_tokens, [&](auto rows_of_tile) {
        multiply_tile(panel, x.packed + size_t{tile} * w.k_padded, w.k_padded / 4, total,
                      rows_of_tile);
      });
      for (uint32_t i = 0; i < n_tokens; ++i) {
        store_rows(total[i], w, x, tile + i, row, rows_left(row, row_end),
                   y + (tile + i) * y_stride);
      }
    }
  }
}

size_t gemm_scratch_bytes(uint32_t k_padded) { return size_t{kBlockRows} * k_padded; }

const TernaryKernels kBlocksKernels = {TernaryLayout::kBlocks16,
                                       kBlockRows,
                                       kDirect,
                                       kTile,
                                       pack,
                                       pack_tiles<kTile>,
                                       gemv,
                                       gemm,
                                       gemm_scratch_bytes,
                                       multiply_grouped<BlockSteps, TernaryLayout::kBlocks16>,
                                       multiply_grouped<FloatSteps, TernaryLayout::kBlocks16>};
const TernaryKernels* const kTernary[] = {&kBlocksKernels, nullptr};

}  // namespace

#ifdef BITNET_AVXVNNI_BY_AVX512
extern const KernelTable kAvxVnniStandInTable;
const KernelTable kAvxVnniStandInTable = {"avxvnni (instructions of avx512vnni)",
                                          kCpuAvx2 | kCpuFma | kCpuF16c | kCpuAvx512f |
                                              kCpuAvx512bw | kCpuAvx512dq | kCpuAvx512vl |
                                              kCpuAvx512vnni,
                                          &kAvx2Table, kTernary, BITNET_GENERIC_SLOTS};
#else
const KernelTable kAvxVnniTable = {"avxvnni", kCpuAvx2 | kCpuFma | kCpuF16c | kCpuAvxVnni,
                                   &kAvx2Table, kTernary, BITNET_GENERIC_SLOTS};
#endif

}  // namespace bitnet
