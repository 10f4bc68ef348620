// AVX2 with FMA and F16C: a 16-lane vector is two ymm registers. Ternary products by VPMADDUBSW
// (codes as the unsigned operand), widened to int32 before an int16 lane can overflow.

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/kernel_table.h"

namespace bitnet {
namespace {

// ---------------------------------------------------------------- vocabulary

struct F32x16 {
  __m256 low, high;
};
struct I32x16 {
  __m256i low, high;
};

inline F32x16 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline void store(F32x16 v, float* p) {
  _mm256_storeu_ps(p, v.low);
  _mm256_storeu_ps(p + 8, v.high);
}
inline __m128i load_128(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
inline __m256i load_256(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}
inline F32x16 load_f16(const uint16_t* p) {
  return {_mm256_cvtph_ps(load_128(p)), _mm256_cvtph_ps(load_128(p + 8))};
}
inline __m256 widen_bf16(__m128i bits) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}
inline F32x16 load_bf16(const uint16_t* p) {
  return {widen_bf16(load_128(p)), widen_bf16(load_128(p + 8))};
}
inline F32x16 set1(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
inline F32x16 zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
inline F32x16 add(F32x16 a, F32x16 b) {
  return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}
inline F32x16 sub(F32x16 a, F32x16 b) {
  return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}
inline F32x16 mul(F32x16 a, F32x16 b) {
  return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}
inline F32x16 div(F32x16 a, F32x16 b) {
  return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}
inline F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
inline F32x16 neg_fma(F32x16 a, F32x16 b, F32x16 c) {
  return {_mm256_fnmadd_ps(a.low, b.low, c.low), _mm256_fnmadd_ps(a.high, b.high, c.high)};
}
inline F32x16 max(F32x16 a, F32x16 b) {
  return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}
inline F32x16 min(F32x16 a, F32x16 b) {
  return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
}
inline F32x16 neg(F32x16 a) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_xor_ps(a.low, sign), _mm256_xor_ps(a.high, sign)};
}
inline F32x16 abs(F32x16 a) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(sign, a.low), _mm256_andnot_ps(sign, a.high)};
}
inline __m256 pow2_half(__m256 n) {
  const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
  return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
}
inline F32x16 pow2(F32x16 n) { return {pow2_half(n.low), pow2_half(n.high)}; }
inline F32x16 zero_below(F32x16 x, F32x16 limit, F32x16 value) {
  return {_mm256_and_ps(_mm256_cmp_ps(x.low, limit.low, _CMP_GE_OQ), value.low),
          _mm256_and_ps(_mm256_cmp_ps(x.high, limit.high, _CMP_GE_OQ), value.high)};
}
inline F32x16 halves(float low, float high) { return {_mm256_set1_ps(low), _mm256_set1_ps(high)}; }
/// Rounded to int32; NaN gives 0, out of range the largest or smallest byte after saturation.
inline __m256i to_codes(__m256 v) {
  const __m256 number = _mm256_and_ps(v, _mm256_cmp_ps(v, v, _CMP_ORD_Q));
  const __m256 bounded =
      _mm256_max_ps(_mm256_min_ps(number, _mm256_set1_ps(127.0f)), _mm256_set1_ps(-128.0f));
  return _mm256_cvtps_epi32(bounded);
}
inline void store_i8(F32x16 v, int8_t* p) {
  // The packs work within 128-bit halves: the permutation puts the words back in order.
  const __m256i words = _mm256_packs_epi32(to_codes(v.low), to_codes(v.high));
  const __m256i ordered = _mm256_permute4x64_epi64(words, 0xd8);
  _mm_storeu_si128(
      reinterpret_cast<__m128i*>(p),
      _mm_packs_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1)));
}
inline I32x16 set1_i32(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
inline F32x16 to_f32(I32x16 v) { return {_mm256_cvtepi32_ps(v.low), _mm256_cvtepi32_ps(v.high)}; }
inline float sqrt_f32(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }
inline float ceil_f32(float x) { return _mm_cvtss_f32(_mm_ceil_ss(_mm_set_ss(x), _mm_set_ss(x))); }
inline float f16_to_f32(uint16_t bits) { return _cvtsh_ss(bits); }
inline uint16_t f32_to_f16(float x) { return _cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT); }
inline void prefetch(const void* p, size_t ahead) {
  _mm_prefetch(static_cast<const char*>(p) + ahead, _MM_HINT_T0);
}

/// Eight sums of four products: unsigned a times signed b, |pair sum| < 2^15.
inline __m256i dot4(__m256i a, __m256i b) {
  return _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1));
}

inline __m256i broadcast_4(const int8_t* p) {
  int32_t four;
  __builtin_memcpy(&four, p, 4);
  return _mm256_set1_epi32(four);
}

struct Codes {
  __m256i low, high;
};
inline Codes load_codes(const uint8_t* p) { return {load_256(p), load_256(p + 32)}; }
inline void dot4_add(I32x16& sum, Codes codes, const int8_t* q) {
  const __m256i four = broadcast_4(q);
  sum.low = _mm256_add_epi32(sum.low, dot4(codes.low, four));
  sum.high = _mm256_add_epi32(sum.high, dot4(codes.high, four));
}
inline __m256 trits_half(__m256i codes, uint32_t i) {
  const __m256i code =
      _mm256_and_si256(_mm256_srli_epi32(codes, static_cast<int>(8 * i)), _mm256_set1_epi32(3));
  return _mm256_cvtepi32_ps(_mm256_sub_epi32(code, _mm256_set1_epi32(1)));
}
inline F32x16 trits(Codes codes, uint32_t i) {
  return {trits_half(codes.low, i), trits_half(codes.high, i)};
}

/// 32 elements of a Q6_K block: scaled, offset-free sums of four.
inline __m256i q6_k_part(__m256i codes, const int8_t* q, const int32_t* sum4, __m128i scales,
                         int first_scale) {
  const __m256i offset = _mm256_slli_epi32(load_256(sum4), 5);
  const __m256i dots = _mm256_sub_epi32(dot4(codes, load_256(q)), offset);
  // Scale s as the low half of four int32 lanes, sign-extended to 16 bits; |dots| < 2^15 too.
  const __m256i lane = _mm256_setr_epi8(-1, 0, -1, -1, -1, 0, -1, -1, -1, 0, -1, -1, -1, 0, -1, -1,
                                        -1, 1, -1, -1, -1, 1, -1, -1, -1, 1, -1, -1, -1, 1, -1, -1);
  const __m256i index =
      _mm256_add_epi8(lane, _mm256_and_si256(_mm256_set1_epi8(static_cast<char>(first_scale)),
                                             _mm256_set1_epi32(0xff00)));
  const __m256i scale16 =
      _mm256_srai_epi16(_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(scales), index), 8);
  return _mm256_madd_epi16(dots, scale16);
}

inline I32x16 q6_k_lanes(const uint8_t* block, const int8_t* q, const int32_t* sum4) {
  const __m256i nibble = _mm256_set1_epi8(15);
  const __m256i top = _mm256_set1_epi8(0x30);
  const __m128i scales = load_128(block + 192);
  I32x16 sum = {_mm256_setzero_si256(), _mm256_setzero_si256()};
  for (int half = 0; half < 2; ++half) {
    const __m256i a = load_256(block + 64 * half);
    const __m256i b = load_256(block + 64 * half + 32);
    const __m256i h = load_256(block + 128 + 32 * half);
    prefetch(block + 64 * half, kPrefetchBytes);
    const auto codes = [&](__m256i low, __m256i high) {
      return _mm256_or_si256(_mm256_and_si256(low, nibble), _mm256_and_si256(high, top));
    };
    const __m256i part[4] = {codes(a, _mm256_slli_epi16(h, 4)), codes(b, _mm256_slli_epi16(h, 2)),
                             codes(_mm256_srli_epi16(a, 4), h),
                             codes(_mm256_srli_epi16(b, 4), _mm256_srli_epi16(h, 2))};
    for (int p = 0; p < 4; ++p) {
      const int e = 128 * half + 32 * p;
      __m256i& into = p % 2 == 0 ? sum.low : sum.high;
      into = _mm256_add_epi32(into, q6_k_part(part[p], q + e, sum4 + e / 4, scales, e / 16));
    }
  }
  prefetch(block + 128, kPrefetchBytes);
  return sum;
}

inline __m256i q8_0_part(const uint8_t* w, const int8_t* q) {
  const __m256i weights = load_256(w);
  return dot4(_mm256_abs_epi8(weights), _mm256_sign_epi8(load_256(q), weights));
}

inline I32x16 q8_0_lanes(const uint8_t* a, const uint8_t* b, const int8_t* q,
                         const int32_t* /*sum4*/) {
  return {q8_0_part(a, q), q8_0_part(b, q + 32)};
}

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

constexpr uint32_t kBlockTokens = 2;
// 8 accumulator registers of the 16.
constexpr uint32_t kAttentionRows = 4;
constexpr uint32_t kAttentionBlocks = 1;

#include "kernels/generic/vector_ops-inl.h"
//
#include "kernels/generic/attention-inl.h"
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

void pack_x(const TernaryInput& x, uint32_t k_padded, uint32_t begin, uint32_t end, int8_t* out) {
  for (uint32_t tile = begin; tile < end; tile += kTile) {
    int8_t* to = out + size_t{tile} * k_padded;
    for (uint32_t i = 0; i < kTile; ++i) {
      const int8_t* from = x.q + (tile + i) * x.q_stride;
      for (uint32_t step = 0; step < k_padded / 4; ++step) {
        int32_t four = 0;
        if (tile + i < x.m) __builtin_memcpy(&four, from + 4 * step, 4);
        __builtin_memcpy(to + (size_t{step} * kTile + i) * 4, &four, 4);
      }
    }
  }
}

/// 0, 1, ..., as template arguments: accumulators with constant indices stay in registers.
template <uint32_t...>
struct Indices {};

/// int32 dots of the panel's 16 rows with one tile of activations.
template <uint32_t... i>
inline void multiply_tile(const uint8_t* panel, const int8_t* tile, uint32_t n_steps,
                          __m256i (&total)[kTile][2], Indices<i...> /*rows*/) {
  const auto load_codes = [](const uint8_t* p) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(p));
  };
  const __m256i ones = _mm256_set1_epi16(1);
  ((total[i][0] = total[i][1] = _mm256_setzero_si256()), ...);
  while (n_steps > 0) {
    const uint32_t n = n_steps < kStepsPerFlush ? n_steps : kStepsPerFlush;
    n_steps -= n;
    __m256i first[kTile] = {(static_cast<void>(i), _mm256_setzero_si256())...};
    __m256i second[kTile] = {(static_cast<void>(i), _mm256_setzero_si256())...};
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
    for (uint32_t tile = 0; tile < x.m; tile += kTile) {
      __m256i total[kTile][2];
      multiply_tile(panel, x.packed + size_t{tile} * w.k_padded, w.k_padded / 4, total,
                    Indices<0, 1, 2, 3, 4, 5>());
      for (uint32_t i = 0; i < kTile && tile + i < x.m; ++i) {
        const __m256i sum = _mm256_set1_epi32(x.sum[tile + i]);
        const F32x16 factor = div(load(w.row_scales + row), set1(x.scale[tile + i]));
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
                                     pack_x,
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
