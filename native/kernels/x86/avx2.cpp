// AVX2 with FMA and F16C. Ternary products by VPMADDUBSW (codes as the unsigned operand), widened
// to int32 before an int16 lane can overflow.

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/kernel_table.h"

namespace bitnet {
namespace {

#include "kernels/x86/ymm-inl.h"

/// Eight sums of four products: unsigned a times signed b, |pair sum| < 2^15.
inline __m256i dot4(__m256i a, __m256i b) {
  return _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1));
}

inline void dot4_add(__m256i& sum, __m256i a, __m256i b) {
  sum = _mm256_add_epi32(sum, dot4(a, b));
}

#include "kernels/x86/ymm_products-inl.h"

/// Four bytes of each of eight rows: v[i] holds dword i of rows 0..7.
inline void transpose_8x8(__m256i (&v)[8]) {
  __m256i t[8];
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_epi32(v[i], v[i + 1]);
    t[i + 1] = _mm256_unpackhi_epi32(v[i], v[i + 1]);
  }
  __m256i u[8];
  for (int i = 0; i < 8; i += 4) {
    u[i] = _mm256_unpacklo_epi64(t[i], t[i + 2]);
    u[i + 1] = _mm256_unpackhi_epi64(t[i], t[i + 2]);
    u[i + 2] = _mm256_unpacklo_epi64(t[i + 1], t[i + 3]);
    u[i + 3] = _mm256_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    v[i] = _mm256_permute2x128_si256(u[i], u[i + 4], 0x20);
    v[i + 4] = _mm256_permute2x128_si256(u[i], u[i + 4], 0x31);
  }
}

/// 16 rows are 16 streams, each fetched this far ahead.
constexpr size_t kRowPrefetchBytes = 256;

/// Group g of rows [row, row + 16) as codes; rows from row_end on repeat the last one.
inline void unpack_group(const TernaryMatrix& w, uint32_t row, uint32_t row_end, uint32_t g,
                         uint8_t* out) {
  const __m256i bits = _mm256_set1_epi8(3);
  for (uint32_t half = 0; half < 2; ++half) {
    __m256i v[8];
    for (uint32_t i = 0; i < 8; ++i) {
      const uint32_t r = row + 8 * half + i;
      const uint32_t at = r < row_end ? r : row_end - 1;
      const uint8_t* group = w.data + size_t{at} * (w.k_padded / 4) + size_t{g} * 32;
      prefetch(group, kRowPrefetchBytes);
      v[i] = load_256(group);
    }
    transpose_8x8(v);
    for (uint32_t i = 0; i < 8; ++i) {
      for (uint32_t plane = 0; plane < 4; ++plane) {
        const __m256i codes =
            _mm256_and_si256(_mm256_srli_epi16(v[i], static_cast<int>(6 - 2 * plane)), bits);
        _mm256_store_si256(reinterpret_cast<__m256i*>(out + (8 * plane + i) * 64 + 32 * half),
                           codes);
      }
    }
  }
}

/// Signed bytes widened to 16 bits: VPMADDUBSW would saturate. A dot is two neighbouring lanes.
struct Bytes {
  __m256i a, b, c, d;
};
struct Dots {
  __m256i a, b, c, d;
};
constexpr int32_t kKeyBias = 0;
inline Bytes load_keys(const uint8_t* p) {
  return {_mm256_cvtepi8_epi16(load_128(p)), _mm256_cvtepi8_epi16(load_128(p + 16)),
          _mm256_cvtepi8_epi16(load_128(p + 32)), _mm256_cvtepi8_epi16(load_128(p + 48))};
}
inline Bytes load_values(const uint8_t* p) { return load_keys(p); }
inline Dots dots_of(int32_t /*start: 0*/) {
  const __m256i none = _mm256_setzero_si256();
  return {none, none, none, none};
}
inline void add_words(__m256i& dots, __m256i words, __m256i four) {
  __m256i sum = _mm256_add_epi32(dots, _mm256_madd_epi16(words, four));
  // g++ would keep old and new sums apart and run out of registers.
  __asm__("" : "+x"(sum));
  dots = sum;
}
inline void add_words(Dots& dots, const Bytes& bytes, __m256i four) {
  add_words(dots.a, bytes.a, four);
  add_words(dots.b, bytes.b, four);
  add_words(dots.c, bytes.c, four);
  add_words(dots.d, bytes.d, four);
}
/// Four bytes in every dword, by one load.
inline __m128i broadcast_4_128(const void* p) {
  return _mm_castps_si128(_mm_broadcast_ss(static_cast<const float*>(p)));
}
inline void add_keys(Dots& dots, const Bytes& keys, const int8_t* four) {
  add_words(dots, keys, _mm256_cvtepi8_epi16(broadcast_4_128(four)));
}
inline void add_values(Dots& dots, const Bytes& values, const uint8_t* four) {
  add_words(dots, values, _mm256_cvtepu8_epi16(broadcast_4_128(four)));
}
inline F32x16 to_f32(const Dots& dots) {
  const auto pairs = [](__m256i a, __m256i b) {
    return _mm256_cvtepi32_ps(_mm256_permute4x64_epi64(_mm256_hadd_epi32(a, b), 0xd8));
  };
  return {pairs(dots.a, dots.b), pairs(dots.c, dots.d)};
}

constexpr uint32_t kBlockTokens = 2;
// 8 accumulator registers of the 16.
constexpr uint32_t kAttentionRows = 4;
constexpr uint32_t kAttentionBlocks = 1;
constexpr uint32_t kPairedRows = 2;
constexpr uint32_t kByteRows = 2;
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

// ---------------------------------------------------------------- ternary, file order

constexpr uint32_t kRowsDirect = 4;
/// Groups whose products fit an int16 lane: 8 * 2 * 4 * 2 * 2 * 127 = 32512.
constexpr uint32_t kGroupsPerFlush = 8;

inline int32_t sum_lanes(__m256i v) {
  __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
  return _mm_cvtsi128_si32(s);
}

/// Dots of one row with m activation rows. The two upper code positions of each nibble are left
/// multiplied by four and divided once per flush.
template <uint32_t m>
inline void dot_rows(const uint8_t* row, const TernaryInput& x, uint32_t k_padded,
                     int32_t (&dots)[m]) {
  const __m256i low_bits = _mm256_set1_epi8(3);
  const __m256i high_bits = _mm256_set1_epi8(12);
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i total[m];
  for (uint32_t i = 0; i < m; ++i) total[i] = _mm256_setzero_si256();
  const uint32_t n_groups = k_padded / kTernaryGroup;
  for (uint32_t g = 0; g < n_groups;) {
    const uint32_t end = g + kGroupsPerFlush < n_groups ? g + kGroupsPerFlush : n_groups;
    __m256i times1[m];
    __m256i times4[m];
    for (uint32_t i = 0; i < m; ++i) times1[i] = times4[i] = _mm256_setzero_si256();
    for (; g < end; ++g) {
      const __m256i v = load_256(row + 32 * g);
      prefetch(row + 32 * g, kPrefetchBytes);
      const __m256i h = _mm256_srli_epi16(v, 4);
      const __m256i c0 = _mm256_and_si256(h, high_bits);
      const __m256i c1 = _mm256_and_si256(h, low_bits);
      const __m256i c2 = _mm256_and_si256(v, high_bits);
      const __m256i c3 = _mm256_and_si256(v, low_bits);
      for (uint32_t i = 0; i < m; ++i) {
        const int8_t* q = x.q + i * x.q_stride + size_t{g} * kTernaryGroup;
        times4[i] = _mm256_add_epi16(times4[i], _mm256_maddubs_epi16(c0, load_256(q)));
        times1[i] = _mm256_add_epi16(times1[i], _mm256_maddubs_epi16(c1, load_256(q + 32)));
        times4[i] = _mm256_add_epi16(times4[i], _mm256_maddubs_epi16(c2, load_256(q + 64)));
        times1[i] = _mm256_add_epi16(times1[i], _mm256_maddubs_epi16(c3, load_256(q + 96)));
      }
    }
    for (uint32_t i = 0; i < m; ++i) {
      const __m256i quadruple = _mm256_srai_epi32(_mm256_madd_epi16(times4[i], ones), 2);
      total[i] = _mm256_add_epi32(total[i],
                                  _mm256_add_epi32(_mm256_madd_epi16(times1[i], ones), quadruple));
    }
  }
  for (uint32_t i = 0; i < m; ++i) dots[i] = sum_lanes(total[i]) - x.sum[i];
}

template <uint32_t m>
void gemv_m(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin, uint32_t row_end,
            float* y, size_t y_stride) {
  for (uint32_t r = row_begin; r < row_end; ++r) {
    int32_t dots[m];
    dot_rows<m>(w.data + size_t{r} * (w.k_padded / 4), x, w.k_padded, dots);
    for (uint32_t i = 0; i < m; ++i) {
      y[i * y_stride + r] = static_cast<float>(dots[i]) * (w.row_scales[r] / x.scale[i]);
    }
  }
}

void gemv(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin, uint32_t row_end,
          float* y, size_t y_stride) {
  switch (x.m) {
    case 1:
      return gemv_m<1>(w, x, row_begin, row_end, y, y_stride);
    case 2:
      return gemv_m<2>(w, x, row_begin, row_end, y, y_stride);
    case 3:
      return gemv_m<3>(w, x, row_begin, row_end, y, y_stride);
    default:
      return gemv_m<4>(w, x, row_begin, row_end, y, y_stride);
  }
}

// gemm: 16 rows are unpacked to one byte per code, [k/4][16 rows][4], and multiplied by tiles of 6
// activation rows packed as [k/4][6][4]: 12 int16 accumulators, flushed every 64 steps of k/4.
constexpr uint32_t kPanelRows = 16;
constexpr uint32_t kTile = 6;
constexpr uint32_t kStepsPerFlush = 64;  // 64 * 2 * 2 * 127 = 32512

/// Rows [row, row + 16) as codes, all columns.
inline void unpack_panel(const TernaryMatrix& w, uint32_t row, uint32_t row_end, uint8_t* panel) {
  for (uint32_t g = 0; g < w.k_padded / kTernaryGroup; ++g) {
    unpack_group(w, row, row_end, g, panel + size_t{g} * kTernaryGroup * kPanelRows);
  }
}

/// int32 dots of the panel's 16 rows with the first rows of a tile of activations. Meanwhile
/// fetches the n_steps * 16 bytes at `next`.
// A call of its own: inlined once per size, g++ keeps the accumulators in memory.
template <uint32_t... i>
__attribute__((noinline)) void multiply_tile(const uint8_t* panel, const int8_t* tile,
                                             uint32_t n_steps, const uint8_t* next,
                                             __m256i (&total)[kTile][2], Indices<i...> /*rows*/) {
  const auto load_codes = [](const uint8_t* p) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(p));
  };
  const __m256i ones = _mm256_set1_epi16(1);
  ((total[i][0] = total[i][1] = _mm256_setzero_si256()), ...);
  while (n_steps > 0) {
    const uint32_t n = n_steps < kStepsPerFlush ? n_steps : kStepsPerFlush;
    n_steps -= n;
    for (uint32_t line = 0; line < n * kPanelRows; line += 64) prefetch(next + line, 0);
    next += n * kPanelRows;
    __m256i first[sizeof...(i)] = {(static_cast<void>(i), _mm256_setzero_si256())...};
    __m256i second[sizeof...(i)] = {(static_cast<void>(i), _mm256_setzero_si256())...};
    for (const uint8_t* end = panel + 64 * size_t{n}; panel != end; panel += 64) {
      const __m256i w0 = load_codes(panel);
      const __m256i w1 = load_codes(panel + 32);
      const auto add_products = [&](__m256i& a, __m256i& b, const int8_t* four) {
        const __m256i q = broadcast_4(four);
        a = _mm256_add_epi16(a, _mm256_maddubs_epi16(w0, q));
        b = _mm256_add_epi16(b, _mm256_maddubs_epi16(w1, q));
        // g++ would load all six broadcasts first and spill the accumulators: 12 and 4 are all
        // sixteen registers.
        __asm__ volatile("" : "+x"(a), "+x"(b) : : "memory");
      };
      (add_products(first[i], second[i], tile + 4 * i), ...);
      tile += kTile * 4;
    }
    const auto flush = [&](__m256i& sum, __m256i part) {
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(part, ones));
    };
    ((flush(total[i][0], first[i]), flush(total[i][1], second[i])), ...);
  }
}

void gemm(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin, uint32_t row_end,
          float* y, size_t y_stride, void* scratch) {
  auto* panel = static_cast<uint8_t*>(scratch);
  for (uint32_t row = row_begin; row < row_end; row += kPanelRows) {
    unpack_panel(w, row, row_end, panel);
    const uint32_t n_rows = row_end - row < kPanelRows ? row_end - row : kPanelRows;
    const uint8_t* next = w.data + size_t{row + kPanelRows} * (w.k_padded / 4);
    for (uint32_t tile = 0; tile < x.m; tile += kTile) {
      __m256i total[kTile][2];
      const uint32_t n_tokens = x.m - tile < kTile ? x.m - tile : kTile;
      with_indices<kTile>(n_tokens, [&](auto rows_of_tile) {
        multiply_tile(panel, x.packed + size_t{tile} * w.k_padded, w.k_padded / 4, next, total,
                      rows_of_tile);
      });
      for (uint32_t i = 0; i < n_tokens; ++i) {
        const __m256i sum = _mm256_set1_epi32(x.sum[tile + i]);
        // Shares may begin at any row here: the scales' padding need not reach 16 beyond them.
        const F32x16 scales = n_rows == kPanelRows ? load(w.row_scales + row)
                                                   : load_partial(w.row_scales + row, n_rows);
        const F32x16 factor = div(scales, set1(x.scale[tile + i]));
        float* out = y + (tile + i) * y_stride + row;
        const I32x16 dots = {_mm256_sub_epi32(total[i][0], sum),
                             _mm256_sub_epi32(total[i][1], sum)};
        const F32x16 result = mul(to_f32(dots), factor);
        if (n_rows == kPanelRows) {
          store(result, out);
        } else {
          store_partial(result, out, n_rows);
        }
      }
    }
  }
}

size_t gemm_scratch_bytes(uint32_t k_padded) { return size_t{kPanelRows} * k_padded; }

const TernaryKernels kRowsKernels = {TernaryLayout::kRows,
                                     1,
                                     kRowsDirect,
                                     kTile,
                                     nullptr,
                                     pack_tiles<kTile>,
                                     gemv,
                                     gemm,
                                     gemm_scratch_bytes,
                                     multiply_grouped<BlockSteps, TernaryLayout::kRows>,
                                     multiply_grouped<FloatSteps, TernaryLayout::kRows>};
const TernaryKernels* const kTernary[] = {&kRowsKernels, nullptr};

}  // namespace

const KernelTable kAvx2Table = {"avx2", kCpuAvx2 | kCpuFma | kCpuF16c, &kScalarTable, kTernary,
                                BITNET_GENERIC_SLOTS};

}  // namespace bitnet
