// AVX-512 with VNNI: a 16-lane vector is one zmm register, ternary products by VPDPBUSD, which adds
// four products into an int32 lane without overflow. Weights in blocks of 16 rows, so that a lane
// is a row: no sum ever crosses lanes and activations are broadcast.

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/kernel_table.h"

namespace bitnet {
namespace {

// ---------------------------------------------------------------- vocabulary

using F32x16 = __m512;
struct I32x16 {
  __m512i lanes;
};

inline F32x16 load(const float* p) { return _mm512_loadu_ps(p); }
inline void store(F32x16 v, float* p) { _mm512_storeu_ps(p, v); }
inline __m256i load_256(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}
inline __m512i load_512(const void* p) { return _mm512_loadu_si512(p); }
inline F32x16 load_f16(const uint16_t* p) { return _mm512_cvtph_ps(load_256(p)); }
inline F32x16 load_bf16(const uint16_t* p) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(load_256(p)), 16));
}
inline F32x16 load_bf16_even(const uint16_t* p) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(load_512(p), 16));
}
inline F32x16 load_bf16_odd(const uint16_t* p) {
  const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xffff0000));
  return _mm512_castsi512_ps(_mm512_and_si512(load_512(p), upper));
}
inline F32x16 set1(float x) { return _mm512_set1_ps(x); }
inline F32x16 zero() { return _mm512_setzero_ps(); }
inline F32x16 add(F32x16 a, F32x16 b) { return _mm512_add_ps(a, b); }
inline F32x16 sub(F32x16 a, F32x16 b) { return _mm512_sub_ps(a, b); }
inline F32x16 mul(F32x16 a, F32x16 b) { return _mm512_mul_ps(a, b); }
inline F32x16 div(F32x16 a, F32x16 b) { return _mm512_div_ps(a, b); }
inline F32x16 fma(F32x16 a, F32x16 b, F32x16 c) { return _mm512_fmadd_ps(a, b, c); }
inline F32x16 neg_fma(F32x16 a, F32x16 b, F32x16 c) { return _mm512_fnmadd_ps(a, b, c); }
inline F32x16 max(F32x16 a, F32x16 b) { return _mm512_max_ps(a, b); }
inline F32x16 min(F32x16 a, F32x16 b) { return _mm512_min_ps(a, b); }
inline F32x16 neg(F32x16 a) { return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f)); }
inline F32x16 abs(F32x16 a) { return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a); }
inline F32x16 pow2(F32x16 n) {
  const __m512i biased = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
  return _mm512_castsi512_ps(_mm512_slli_epi32(biased, 23));
}
inline F32x16 zero_below(F32x16 x, F32x16 limit, F32x16 value) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, limit, _CMP_GE_OQ), value);
}
inline F32x16 round_bf16(F32x16 v) {
  const __m512i bits = _mm512_castps_si512(v);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
  return _mm512_castsi512_ps(
      _mm512_and_si512(rounded, _mm512_set1_epi32(static_cast<int>(0xffff0000))));
}
inline F32x16 halves(float low, float high) {
  return _mm512_mask_mov_ps(set1(low), 0xff00, set1(high));
}
inline void store_i8(F32x16 v, int8_t* p) {
  const __m512 number = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(v, v, _CMP_ORD_Q), v);
  const __m512 bounded = min(max(number, set1(-128.0f)), set1(127.0f));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(bounded)));
}
inline I32x16 set1_i32(int32_t x) { return {_mm512_set1_epi32(x)}; }
inline F32x16 to_f32(I32x16 v) { return _mm512_cvtepi32_ps(v.lanes); }
inline float sqrt_f32(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }
inline float ceil_f32(float x) { return _mm_cvtss_f32(_mm_ceil_ss(_mm_set_ss(x), _mm_set_ss(x))); }
inline float f16_to_f32(uint16_t bits) { return _cvtsh_ss(bits); }
inline uint16_t f32_to_f16(float x) { return _cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT); }
inline void prefetch(const void* p, size_t ahead) {
  _mm_prefetch(static_cast<const char*>(p) + ahead, _MM_HINT_T0);
}

/// sum += dot products of four unsigned by four signed bytes.
inline void dot4_add(__m512i& sum, __m512i codes, __m512i q) {
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
  // g++ 12 keeps the intrinsic's operands in zmm0-15 and copies the other accumulators back and
  // forth; the instruction itself has no such limit.
  __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(codes), "v"(q));
#else
  sum = _mm512_dpbusd_epi32(sum, codes, q);
#endif
}

inline __m512i broadcast_4(const int8_t* p) {
  int32_t four;
  __builtin_memcpy(&four, p, 4);
  return _mm512_set1_epi32(four);
}

using Codes = __m512i;
inline Codes load_codes(const uint8_t* p) { return _mm512_load_si512(p); }
inline void dot4_add(I32x16& sum, Codes codes, const int8_t* q) {
  dot4_add(sum.lanes, codes, broadcast_4(q));
}
inline F32x16 trits(Codes codes, uint32_t i) {
  const __m512i code = _mm512_and_si512(_mm512_srli_epi32(codes, 8 * i), _mm512_set1_epi32(3));
  return _mm512_cvtepi32_ps(_mm512_sub_epi32(code, _mm512_set1_epi32(1)));
}

/// The codes of one group of 16 rows, each vector `stride` bytes after the last.
inline void unpack_vectors(const uint8_t* group, size_t stride, uint8_t* out) {
  const __m512i mask = _mm512_set1_epi8(3);
  for (uint32_t i = 0; i < 8; ++i) {
    const __m512i v = _mm512_load_si512(group + 64 * i);
    prefetch(group + 64 * i, kPrefetchBytes);
    _mm512_store_si512(out + i * stride, _mm512_and_si512(_mm512_srli_epi16(v, 6), mask));
    _mm512_store_si512(out + (8 + i) * stride, _mm512_and_si512(_mm512_srli_epi16(v, 4), mask));
    _mm512_store_si512(out + (16 + i) * stride, _mm512_and_si512(_mm512_srli_epi16(v, 2), mask));
    _mm512_store_si512(out + (24 + i) * stride, _mm512_and_si512(v, mask));
  }
}
inline void unpack_group(const TernaryMatrix& w, uint32_t row, uint32_t /*row_end*/, uint32_t g,
                         uint8_t* out) {
  unpack_vectors(w.data + size_t{row} * (w.k_padded / 4) + size_t{g} * 512, 64, out);
}

constexpr uint32_t kBlockTokens = 8;

inline I32x16 q6_k_lanes(const uint8_t* block, const int8_t* q, const int32_t* sum4) {
  const __m512i nibble = _mm512_set1_epi8(15);
  const __m512i top = _mm512_set1_epi8(0x30);
  // Where the two high bits of elements 0-31 and 32-63 (64-95 and 96-127) lie in their byte.
  const __m512i up = _mm512_inserti64x4(_mm512_set1_epi16(4), _mm256_set1_epi16(2), 1);
  const __m512i down = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(2), 1);
  // Scale s in the low half of its four lanes; products of 16-bit halves: |dot| < 2^15.
  const __m512i scales = _mm512_and_si512(
      _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block + 192))),
      _mm512_set1_epi32(0xffff));
  const __m512i lane_scale = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
  __m512i sum = _mm512_setzero_si512();
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {
    const __m512i low = load_512(block + 64 * half);
    const __m512i high = _mm512_broadcast_i64x4(load_256(block + 128 + 32 * half));
    prefetch(block + 64 * half, kPrefetchBytes);
    const __m512i codes[2] = {
        _mm512_or_si512(_mm512_and_si512(low, nibble),
                        _mm512_and_si512(_mm512_sllv_epi16(high, up), top)),
        _mm512_or_si512(_mm512_and_si512(_mm512_srli_epi16(low, 4), nibble),
                        _mm512_and_si512(_mm512_srlv_epi16(high, down), top))};
#pragma GCC unroll 2
    for (int part = 0; part < 2; ++part) {
      const int h = 2 * half + part;
      const __m512i offset = _mm512_slli_epi32(load_512(sum4 + 16 * h), 5);
      const __m512i dots = _mm512_sub_epi32(
          _mm512_dpbusd_epi32(_mm512_setzero_si512(), codes[part], load_512(q + 64 * h)), offset);
      const __m512i scale =
          _mm512_permutexvar_epi32(_mm512_add_epi32(lane_scale, _mm512_set1_epi32(4 * h)), scales);
      sum = _mm512_add_epi32(sum, _mm512_madd_epi16(dots, scale));
    }
  }
  prefetch(block + 128, kPrefetchBytes);
  return {sum};
}

inline I32x16 q8_0_lanes(const uint8_t* a, const uint8_t* b, const int8_t* q, const int32_t* sum4) {
  // Weights offset by 128 serve as the unsigned operand.
  const __m512i w = _mm512_inserti64x4(_mm512_castsi256_si512(load_256(a)), load_256(b), 1);
  const __m512i shifted = _mm512_xor_si512(w, _mm512_set1_epi8(-128));
  const __m512i dots = _mm512_dpbusd_epi32(_mm512_setzero_si512(), shifted, load_512(q));
  return {_mm512_sub_epi32(dots, _mm512_slli_epi32(load_512(sum4), 7))};
}

// 16 accumulator registers of the 32.
constexpr uint32_t kAttentionRows = 4;
constexpr uint32_t kAttentionBlocks = 4;
constexpr uint32_t kPairedRows = 4;

#include "kernels/generic/vector_ops-inl.h"
//
#include "kernels/generic/attention-inl.h"
#include "kernels/generic/head-inl.h"
#include "kernels/generic/ternary-inl.h"
#include "kernels/generic/table-inl.h"

// ---------------------------------------------------------------- ternary, blocks of 16 rows

constexpr uint32_t kBlockRows = 16;
constexpr uint32_t kDirect = 8;

void pack(const uint8_t* rows, uint32_t k_padded, uint8_t* out) {
  const uint32_t row_bytes = k_padded / 4;
  const __m512i row = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i offsets = _mm512_mullo_epi32(row, _mm512_set1_epi32(static_cast<int>(row_bytes)));
  for (uint32_t dword = 0; dword < row_bytes / 4; ++dword) {
    _mm512_storeu_si512(out + 64 * size_t{dword},
                        _mm512_i32gather_epi32(offsets, rows + 4 * size_t{dword}, 1));
  }
}

/// y of up to 16 rows and one token from their dots.
inline void store_rows(__m512i dots, const TernaryMatrix& w, const TernaryInput& x, uint32_t token,
                       uint32_t row, uint32_t n_rows, float* y) {
  const __m512 factor = _mm512_div_ps(load(w.row_scales + row), set1(x.scale[token]));
  const __m512i exact = _mm512_sub_epi32(dots, _mm512_set1_epi32(x.sum[token]));
  _mm512_mask_storeu_ps(y + row, static_cast<__mmask16>((1u << n_rows) - 1),
                        _mm512_mul_ps(_mm512_cvtepi32_ps(exact), factor));
}

/// One activation row: no shifts. The codes are masked in place, so that the four accumulators hold
/// 64, 16, 4 and 1 times their sums; one arithmetic shift each at the end is exact.
void gemv_1(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin, uint32_t row_end,
            float* y) {
  const __m512i mask0 = _mm512_set1_epi8(static_cast<char>(0xc0));
  const __m512i mask1 = _mm512_set1_epi8(0x30);
  const __m512i mask2 = _mm512_set1_epi8(0x0c);
  const __m512i mask3 = _mm512_set1_epi8(0x03);
  for (uint32_t row = row_begin; row < row_end; row += kBlockRows) {
    const uint8_t* block = w.data + size_t{row} * (w.k_padded / 4);
    __m512i sum0 = _mm512_setzero_si512();
    __m512i sum1 = sum0;
    __m512i sum2 = sum0;
    __m512i sum3 = sum0;
    for (uint32_t k = 0; k < w.k_padded; k += kTernaryGroup, block += 512) {
      const int8_t* q = x.q + k;
#pragma GCC unroll 8
      for (uint32_t i = 0; i < 8; ++i) {
        const __m512i v = _mm512_load_si512(block + 64 * i);
        prefetch(block + 64 * i, kPrefetchBytes);
        dot4_add(sum0, _mm512_and_si512(v, mask0), broadcast_4(q + 4 * i));
        dot4_add(sum1, _mm512_and_si512(v, mask1), broadcast_4(q + 32 + 4 * i));
        dot4_add(sum2, _mm512_and_si512(v, mask2), broadcast_4(q + 64 + 4 * i));
        dot4_add(sum3, _mm512_and_si512(v, mask3), broadcast_4(q + 96 + 4 * i));
      }
    }
    const __m512i dots =
        _mm512_add_epi32(_mm512_add_epi32(_mm512_srai_epi32(sum0, 6), _mm512_srai_epi32(sum1, 4)),
                         _mm512_add_epi32(_mm512_srai_epi32(sum2, 2), sum3));
    store_rows(dots, w, x, 0, row, rows_left(row, row_end), y);
  }
}

/// A few activation rows: codes are shifted down once and shared, one accumulator per row.
template <uint32_t m>
void gemv_m(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin, uint32_t row_end,
            float* y, size_t y_stride) {
  const __m512i mask = _mm512_set1_epi8(3);
  for (uint32_t row = row_begin; row < row_end; row += kBlockRows) {
    const uint8_t* block = w.data + size_t{row} * (w.k_padded / 4);
    __m512i sum[m];
    for (auto& lanes : sum) lanes = _mm512_setzero_si512();
    for (uint32_t k = 0; k < w.k_padded; k += kTernaryGroup, block += 512) {
      for (uint32_t i = 0; i < 8; ++i) {
        const __m512i v = _mm512_load_si512(block + 64 * i);
        prefetch(block + 64 * i, kPrefetchBytes);
        const __m512i code[4] = {_mm512_and_si512(_mm512_srli_epi16(v, 6), mask),
                                 _mm512_and_si512(_mm512_srli_epi16(v, 4), mask),
                                 _mm512_and_si512(_mm512_srli_epi16(v, 2), mask),
                                 _mm512_and_si512(v, mask)};
#pragma GCC unroll 8
        for (uint32_t t = 0; t < m; ++t) {
          const int8_t* q = x.q + t * x.q_stride + k + 4 * i;
#pragma GCC unroll 4
          for (uint32_t p = 0; p < 4; ++p) {
            dot4_add(sum[t], code[p], broadcast_4(q + 32 * p));
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
    case 4:
      return gemv_m<4>(w, x, row_begin, row_end, y, y_stride);
    case 5:
      return gemv_m<5>(w, x, row_begin, row_end, y, y_stride);
    case 6:
      return gemv_m<6>(w, x, row_begin, row_end, y, y_stride);
    case 7:
      return gemv_m<7>(w, x, row_begin, row_end, y, y_stride);
    default:
      return gemv_m<8>(w, x, row_begin, row_end, y, y_stride);
  }
}

// gemm: two blocks (32 rows) are unpacked to one byte per code, [k/4][2][16 rows][4], and
// multiplied by tiles of 8 activation rows packed as [k/4][8][4]: 16 accumulators, both operands
// read in sequence.
constexpr uint32_t kTile = 8;
constexpr uint32_t kPanelBlocks = 2;

inline void unpack_block(const uint8_t* block, uint32_t k_padded, uint8_t* panel) {
  for (uint32_t g = 0; g < k_padded / kTernaryGroup; ++g) {
    unpack_vectors(block + size_t{g} * 512, kPanelBlocks * 64,
                   panel + size_t{g} * kTernaryGroup * kPanelBlocks * kBlockRows);
  }
}

template <uint32_t... i>
inline void multiply_tile(const uint8_t* panel, const int8_t* tile, uint32_t n_steps,
                          __m512i (&sum)[kTile][kPanelBlocks], Indices<i...> /*rows*/) {
  __m512i first[kTile] = {(static_cast<void>(i), _mm512_setzero_si512())...};
  __m512i second[kTile] = {(static_cast<void>(i), _mm512_setzero_si512())...};
  for (uint32_t step = 0; step < n_steps; ++step, panel += kPanelBlocks * 64, tile += kTile * 4) {
    const __m512i w0 = _mm512_load_si512(panel);
    const __m512i w1 = _mm512_load_si512(panel + 64);
    const auto add_products = [&](__m512i& a, __m512i& b, const int8_t* four) {
      const __m512i q = broadcast_4(four);
      dot4_add(a, w0, q);
      dot4_add(b, w1, q);
    };
    (add_products(first[i], second[i], tile + 4 * i), ...);
  }
  ((sum[i][0] = first[i], sum[i][1] = second[i]), ...);
}

void gemm(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin, uint32_t row_end,
          float* y, size_t y_stride, void* scratch) {
  auto* panel = static_cast<uint8_t*>(scratch);
  const size_t block_bytes = size_t{kBlockRows} * (w.k_padded / 4);
  for (uint32_t row = row_begin; row < row_end; row += kPanelBlocks * kBlockRows) {
    const uint8_t* blocks = w.data + row / kBlockRows * block_bytes;
    const bool two_blocks = row + kBlockRows < row_end;
    unpack_block(blocks, w.k_padded, panel);
    // A missing second block repeats the first; its results are not stored.
    unpack_block(two_blocks ? blocks + block_bytes : blocks, w.k_padded, panel + 64);
    for (uint32_t tile = 0; tile < x.m; tile += kTile) {
      __m512i sum[kTile][kPanelBlocks];
      multiply_tile(panel, x.packed + size_t{tile} * w.k_padded, w.k_padded / 4, sum,
                    Indices<0, 1, 2, 3, 4, 5, 6, 7>());
      for (uint32_t i = 0; i < kTile && tile + i < x.m; ++i) {
        float* out = y + (tile + i) * y_stride;
        store_rows(sum[i][0], w, x, tile + i, row, rows_left(row, row_end), out);
        if (two_blocks) {
          const uint32_t second = row + kBlockRows;
          store_rows(sum[i][1], w, x, tile + i, second, rows_left(second, row_end), out);
        }
      }
    }
  }
}

size_t gemm_scratch_bytes(uint32_t k_padded) {
  return size_t{kPanelBlocks} * kBlockRows * k_padded;
}

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

const KernelTable kAvx512VnniTable = {"avx512vnni",
                                      kCpuAvx2 | kCpuFma | kCpuF16c | kCpuAvx512f | kCpuAvx512bw |
                                          kCpuAvx512dq | kCpuAvx512vl | kCpuAvx512vnni,
                                      &kAvx2Table, kTernary, BITNET_GENERIC_SLOTS};

}  // namespace bitnet
