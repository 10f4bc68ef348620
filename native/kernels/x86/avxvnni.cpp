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

/// Of packed bytes, the codes of a plane, times 2^kPlaneShift[plane].
constexpr int kPlaneShift[4] = {6, 4, 2, 0};
template <uint32_t plane>
inline Codes masked(Codes packed) {
  const __m256i mask = _mm256_set1_epi8(static_cast<char>(3 << kPlaneShift[plane]));
  return {_mm256_and_si256(packed.low, mask), _mm256_and_si256(packed.high, mask)};
}

using BlockDots = I32x16;
constexpr uint32_t kDotsSteps = 1 << 16;
constexpr uint32_t kTileTokens = 6;
constexpr uint32_t kInPlaceTokens = 0xffffffff;
inline int32_t start_bits(int32_t sum) { return sum; }
inline BlockDots start_dots(int32_t bits) { return set1_i32(bits); }
inline void add_codes(BlockDots& dots, const Codes& codes, __m256i four) {
  dot4_add(dots.low, codes.low, four);
  dot4_add(dots.high, codes.high, four);
  // In the order of the source, as load_four.
  __asm__ volatile("" : "+x"(dots.low), "+x"(dots.high));
}
inline I32x16 exact_dots(BlockDots dots) { return dots; }

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
//
#include "kernels/generic/grouped-inl.h"
#include "kernels/generic/table-inl.h"

/// One token's sums over a row, one a plane, shifted down once.
class RowDots {
 public:
  inline void add_group(const uint8_t* group, const int8_t* q) {
    add_planes(group, q, dots0_, dots1_, dots2_, dots3_);
  }
  inline I32x16 result() const {
    const auto total = [](__m256i a, __m256i b, __m256i c, __m256i d) {
      return _mm256_add_epi32(_mm256_add_epi32(_mm256_srai_epi32(a, 6), _mm256_srai_epi32(b, 4)),
                              _mm256_add_epi32(_mm256_srai_epi32(c, 2), d));
    };
    return {total(dots0_.low, dots1_.low, dots2_.low, dots3_.low),
            total(dots0_.high, dots1_.high, dots2_.high, dots3_.high)};
  }

 private:
  BlockDots dots0_ = set1_i32(0);
  BlockDots dots1_ = set1_i32(0);
  BlockDots dots2_ = set1_i32(0);
  BlockDots dots3_ = set1_i32(0);
};

#include "kernels/x86/ymm_blocks16-inl.h"

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
