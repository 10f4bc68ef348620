// AVX2 with FMA and F16C. Ternary products by VPMADDUBSW (codes as the unsigned operand), widened
// to int32 before an int16 lane can overflow. Weights in blocks of 16 rows as for AVX-512: a lane
// is a row, activations are broadcast. Those of a mapped file are used in the order of files.

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

#include "kernels/x86/ymm_products-inl.h"

/// Of packed bytes, the codes of a plane, times 2^kPlaneShift[plane]: small enough for the sums of
/// a block to fit int16.
constexpr int kPlaneShift[4] = {2, 0, 2, 0};
template <uint32_t plane>
inline Codes masked(Codes packed) {
  const __m256i mask = _mm256_set1_epi8(plane % 2 == 0 ? 12 : 3);
  if constexpr (plane >= 2) {
    return {_mm256_and_si256(packed.low, mask), _mm256_and_si256(packed.high, mask)};
  }
  return {_mm256_and_si256(_mm256_srli_epi16(packed.low, 4), mask),
          _mm256_and_si256(_mm256_srli_epi16(packed.high, 4), mask)};
}

/// Two int16 lanes a row, of two products a step each.
struct BlockDots {
  __m256i low, high;
};
constexpr uint32_t kDotsSteps = 64;  // 64 * 2 * 2 * 127 = 32512
constexpr uint32_t kTileTokens = 6;
constexpr uint32_t kInPlaceTokens = 6;
/// The sum in the first lane of a row, 0 in the second.
inline int32_t start_bits(int32_t sum) { return sum & 0xffff; }
inline BlockDots start_dots(int32_t bits) {
  return {_mm256_set1_epi32(bits), _mm256_set1_epi32(bits)};
}
inline void add_codes(BlockDots& dots, const Codes& codes, __m256i four) {
  const __m256i low = _mm256_maddubs_epi16(codes.low, four);
  const __m256i high = _mm256_maddubs_epi16(codes.high, four);
  // In the order of the source, as load_four: the 12 sums of a tile, two codes, a product and a
  // broadcast are all sixteen registers.
  __asm__ volatile("vpaddw %1, %0, %0" : "+x"(dots.low) : "x"(low));
  __asm__ volatile("vpaddw %1, %0, %0" : "+x"(dots.high) : "x"(high));
}
inline I32x16 exact_dots(BlockDots dots) {
  const __m256i ones = _mm256_set1_epi16(1);
  return {_mm256_madd_epi16(dots.low, ones), _mm256_madd_epi16(dots.high, ones)};
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
//
#include "kernels/generic/grouped-inl.h"
#include "kernels/generic/table-inl.h"

inline BlockDots add_pairs(BlockDots a, BlockDots b) {
  return {_mm256_add_epi16(a.low, b.low), _mm256_add_epi16(a.high, b.high)};
}

/// One token's sums over a row. The planes of a group are added in pairs: 8 * 2 * 2 * 8 * 127 fits.
class RowDots {
 public:
  inline void add_group(const uint8_t* group, const int8_t* q) {
    BlockDots dots0 = start_dots(0);
    BlockDots dots1 = start_dots(0);
    BlockDots dots2 = start_dots(0);
    BlockDots dots3 = start_dots(0);
    add_planes(group, q, dots0, dots1, dots2, dots3);
    add_i32(times4_, exact_dots(add_pairs(dots0, dots2)));
    add_i32(times1_, exact_dots(add_pairs(dots1, dots3)));
  }
  inline I32x16 result() const {
    I32x16 sum = times1_;
    add_i32(sum, {_mm256_srai_epi32(times4_.low, 2), _mm256_srai_epi32(times4_.high, 2)});
    return sum;
  }

 private:
  I32x16 times1_ = set1_i32(0);
  I32x16 times4_ = set1_i32(0);
};

#include "kernels/x86/ymm_blocks16-inl.h"

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
void gemv_rows_m(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                 uint32_t row_end, float* y, size_t y_stride) {
  for (uint32_t r = row_begin; r < row_end; ++r) {
    int32_t dots[m];
    dot_rows<m>(w.data + size_t{r} * (w.k_padded / 4), x, w.k_padded, dots);
    for (uint32_t i = 0; i < m; ++i) {
      y[i * y_stride + r] = static_cast<float>(dots[i]) * (w.row_scales[r] / x.scale[i]);
    }
  }
}

void gemv_rows(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin, uint32_t row_end,
               float* y, size_t y_stride) {
  with_indices<kRowsDirect>(x.m, [&]<uint32_t... i>(Indices<i...> /*tokens*/) {
    gemv_rows_m<sizeof...(i)>(w, x, row_begin, row_end, y, y_stride);
  });
}

/// 16 rows are 16 streams, each fetched this far ahead.
constexpr size_t kRowPrefetchBytes = 256;

/// Group g of rows [row, row + 16) as codes; rows from row_end on repeat the last one.
inline void unpack_rows(const TernaryMatrix& w, uint32_t row, uint32_t row_end, uint32_t g,
                        uint8_t* out) {
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
    for (uint32_t i = 0; i < 8; ++i) unpack_planes(v[i], out + 64 * i + 32 * half);
  }
}

const TernaryKernels kRowsKernels = {
    TernaryLayout::kRows,
    1,
    kRowsDirect,
    kTile,
    nullptr,
    pack_tiles<kTile>,
    gemv_rows,
    gemm<unpack_rows>,
    scratch_bytes,
    multiply_blocks<TernaryLayout::kRows, unpack_rows>,
    multiply_grouped<FloatSteps, TernaryLayout::kRows, unpack_rows>};
const TernaryKernels* const kTernary[] = {&kBlocksKernels, &kRowsKernels, nullptr};

}  // namespace

const KernelTable kAvx2Table = {"avx2", kCpuAvx2 | kCpuFma | kCpuF16c, &kScalarTable, kTernary,
                                BITNET_GENERIC_SLOTS};

}  // namespace bitnet
