// AVX-512 with VNNI and VBMI: as AVX512-VNNI, but compact weights are looked up. VPERMI2B has a
// table of 128 bytes, enough for the 81 values of four of a byte's five weights.

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/kernel_table.h"

namespace bitnet {
namespace {

#include "kernels/x86/zmm-inl.h"
//
#include "kernels/generic/lanes-inl.h"
#include "kernels/generic/ternary-inl.h"
//
#include "kernels/generic/grouped-inl.h"
#include "kernels/x86/zmm_blocks16-inl.h"
#include "kernels/x86/zmm_tiles16-inl.h"
//
#include "kernels/x86/zmm_fives16-inl.h"

/// Codes c1..c4 of 27 c1 + 9 c2 + 3 c3 + c4, in bits 7-6, 5-4, 3-2 and 1-0.
struct FieldTable {
  constexpr FieldTable() {
    for (uint32_t rest = 0; rest < 128; ++rest) {
      const uint32_t fields =
          (rest / 27 % 4) << 6 | (rest / 9 % 3) << 4 | (rest / 3 % 3) << 2 | rest % 3;
      at[rest] = static_cast<uint8_t>(fields);
    }
  }
  alignas(64) uint8_t at[128] = {};
};
constexpr FieldTable kFields;

/// TernaryLayout::kFives16By85 for zmm_fives16-inl.h.
struct By85Bytes {
  static constexpr TernaryLayout kLayout = TernaryLayout::kFives16By85;
  static constexpr int kZero = 1;
  static constexpr int kShift = 0;

  static inline __m512i bytes_of(__m512i numbers) {
    const __m512i four = _mm512_set1_epi8(4);
    const auto from = [&](int first) {
      return _mm512_cmpge_epu8_mask(numbers, _mm512_set1_epi8(static_cast<char>(first)));
    };
    const __m512i once = _mm512_mask_add_epi8(numbers, from(81), numbers, four);
    return _mm512_mask_add_epi8(once, from(162), once, four);
  }

  /// What is left of bytes without 85 c0: a difference below 0 is a large number.
  static inline __m512i rest_of(__m512i bytes) {
    const __m512i below_170 =
        _mm512_min_epu8(bytes, _mm512_sub_epi8(bytes, _mm512_set1_epi8(static_cast<char>(170))));
    return _mm512_min_epu8(below_170, _mm512_sub_epi8(below_170, _mm512_set1_epi8(85)));
  }

  static inline __m512i fields_of(__m512i rest) {
    return _mm512_permutex2var_epi8(_mm512_load_si512(kFields.at), rest,
                                    _mm512_load_si512(kFields.at + 64));
  }

  static inline void split(__m512i bytes, __m512i (&codes)[kFives]) {
    const __m512i mask = _mm512_set1_epi8(3);
    const __m512i rest = rest_of(bytes);
    const __m512i fields = fields_of(rest);
    codes[0] = _mm512_and_si512(_mm512_sub_epi8(bytes, rest), mask);  // 0, 0x55 or 0xaa
    codes[1] = _mm512_and_si512(_mm512_srli_epi16(fields, 6), mask);
    codes[2] = _mm512_and_si512(_mm512_srli_epi16(fields, 4), mask);
    codes[3] = _mm512_and_si512(_mm512_srli_epi16(fields, 2), mask);
    codes[4] = _mm512_and_si512(fields, mask);
  }

  /// No shifts, and c0 not at all: 85 sum c0 x = sum byte x - sum rest x.
  static inline __m512i multiply_row(const uint8_t* vector, uint32_t k_padded,
                                     const FivesInput<1>& input, int32_t x_sum) {
    const __m512i mask1 = _mm512_set1_epi8(static_cast<char>(0xc0));
    const __m512i mask2 = _mm512_set1_epi8(0x30);
    const __m512i mask3 = _mm512_set1_epi8(0x0c);
    const __m512i mask4 = _mm512_set1_epi8(0x03);
    __m512i of_bytes = _mm512_setzero_si512();
    __m512i of_rest = of_bytes;
    __m512i sum1 = of_bytes;
    __m512i sum2 = of_bytes;
    __m512i sum3 = of_bytes;
    __m512i sum4 = of_bytes;
#pragma GCC unroll 2
    for (uint32_t k = 0; k < k_padded; k += kFivesWeights, vector += 64) {
      const int8_t* q = k < input.whole ? input.rows + k : input.last[0];
      const __m512i bytes = _mm512_load_si512(vector);
      prefetch(vector, kPrefetchBytes);
      const __m512i rest = rest_of(bytes);
      const __m512i fields = fields_of(rest);
      const __m512i four = broadcast_4(q);
      dot4_add(of_bytes, bytes, four);
      dot4_add(of_rest, rest, four);
      dot4_add(sum1, _mm512_and_si512(fields, mask1), broadcast_4(q + 4));
      dot4_add(sum2, _mm512_and_si512(fields, mask2), broadcast_4(q + 8));
      dot4_add(sum3, _mm512_and_si512(fields, mask3), broadcast_4(q + 12));
      dot4_add(sum4, _mm512_and_si512(fields, mask4), broadcast_4(q + 16));
    }
    // An exact quotient is the product with 85^-1 modulo 2^32.
    constexpr uint32_t kInverse = 0xfcfcfcfd;
    static_assert(85 * kInverse == 1);
    const __m512i sum0 = _mm512_mullo_epi32(_mm512_sub_epi32(of_bytes, of_rest),
                                            _mm512_set1_epi32(static_cast<int>(kInverse)));
    const __m512i high = _mm512_add_epi32(_mm512_srai_epi32(sum1, 6), _mm512_srai_epi32(sum2, 4));
    const __m512i low = _mm512_add_epi32(_mm512_srai_epi32(sum3, 2), sum4);
    const __m512i dots = _mm512_add_epi32(sum0, _mm512_add_epi32(high, low));
    return _mm512_sub_epi32(dots, _mm512_set1_epi32(x_sum));
  }
};

const TernaryKernels* const kTernary[] = {&kFivesKernels<By85Bytes>, nullptr};

constexpr KernelTable table() {
  KernelTable t = {};
  t.name = "avx512vbmi";
  t.required = kCpuAvx2 | kCpuFma | kCpuF16c | kCpuAvx512f | kCpuAvx512bw | kCpuAvx512dq |
               kCpuAvx512vl | kCpuAvx512vnni | kCpuAvx512vbmi;
  t.parent = &kAvx512VnniTable;
  t.ternary = kTernary;
  return t;
}

}  // namespace

const KernelTable kAvx512VbmiTable = table();

}  // namespace bitnet
