// TernaryLayout::kFives16 for zmm_fives16-inl.h, with nothing beyond AVX512-VNNI. Included inside
// the target's anonymous namespace.
//
// A byte y is a fraction of 256: its first digit of base 3 is floor(3y / 256), and 3y mod 256 holds
// the other digits. One activation row needs no digit by itself: with y(0) the byte and y(i + 1) =
// 3 y(i) mod 256, digit i is (3 y(i) - y(i + 1)) / 256, so that
//   sum digit(i) x(i) = (3 sum y(i) x(i) - sum y(i + 1) x(i)) / 256.
// The sums may wrap around: 256 times a dot below 2^23 is right modulo 2^32, and shifting it down
// is exact.

struct FractionBytes {
  static constexpr TernaryLayout kLayout = TernaryLayout::kFives16;
  static constexpr int kZero = 2;
  static constexpr int kShift = 6;

  /// ceil(256 c / 243) of every number c < 243: c + ceil(13 c / 243), the quotient of 16-bit
  /// numbers below 3389 by 243 being their product with 270 / 65536, rounded down.
  static inline __m512i bytes_of(__m512i numbers) {
    const auto quotient = [](__m512i c) {
      const __m512i up =
          _mm512_add_epi16(_mm512_mullo_epi16(c, _mm512_set1_epi16(13)), _mm512_set1_epi16(242));
      return _mm512_mulhi_epu16(up, _mm512_set1_epi16(270));
    };
    const __m512i even = quotient(_mm512_and_si512(numbers, _mm512_set1_epi16(0xff)));
    const __m512i odd = quotient(_mm512_srli_epi16(numbers, 8));
    return _mm512_add_epi8(numbers, _mm512_or_si512(even, _mm512_slli_epi16(odd, 8)));
  }

  /// 64 * (1 + first digit) of every byte: floor((y + 128 + floor(y / 2)) / 2), which reaches 128
  /// at y = 86 and 192 at y = 171, without its low bits.
  static inline __m512i first_digits(__m512i bytes) {
    const __m512i half = _mm512_avg_epu8(bytes, _mm512_set1_epi8(static_cast<char>(253)));
    return _mm512_and_si512(_mm512_avg_epu8(bytes, half),
                            _mm512_set1_epi8(static_cast<char>(0xc0)));
  }

  static inline void split(__m512i bytes, __m512i (&codes)[kFives]) {
#pragma GCC unroll 5
    for (auto& code : codes) {
      code = first_digits(bytes);
      bytes = triple(bytes);
    }
  }

  /// Whatever becomes of `second` comes after what was done to `first`: the ports of a Zen 4 core
  /// are given away in the order of the instructions, and the compiler's own costs an eighth.
  static inline void keep_order(__m512i& first, __m512i& second) {
    __asm__("" : "+v"(first), "+v"(second));
  }

  static inline __m512i multiply_row(const uint8_t* vector, uint32_t k_padded,
                                     const FivesInput<1>& input, int32_t x_sum) {
    // Six chains hide the latency of VPDPBUSD; of ten, g++ 12 copies some to and fro.
    constexpr uint32_t kChains = 3;
    __m512i now[kChains];
    __m512i next[kChains];
    for (auto& sum : now) sum = _mm512_setzero_si512();
    for (auto& sum : next) sum = _mm512_setzero_si512();
    for (uint32_t k = 0; k < k_padded; k += kFivesWeights, vector += 64) {
      const int8_t* q = k < input.whole ? input.rows + k : input.last[0];
      __m512i bytes = _mm512_load_si512(vector);
      prefetch(vector, kPrefetchBytes);
#pragma GCC unroll 5
      for (uint32_t i = 0; i < kFives; ++i) {
        const __m512i four = broadcast_4(q + 4 * i);
        dot4_add(now[i % kChains], bytes, four);
        keep_order(now[i % kChains], bytes);
        bytes = triple(bytes);
        dot4_add(next[i % kChains], bytes, four);
      }
    }
    const auto total = [](const __m512i(&sum)[kChains]) {
      return _mm512_add_epi32(_mm512_add_epi32(sum[0], sum[1]), sum[2]);
    };
    // Codes are trits plus one: the sum of the activations goes off before the shift.
    const __m512i ones = _mm512_slli_epi32(_mm512_set1_epi32(x_sum), 8);
    const __m512i thrice = _mm512_mullo_epi32(total(now), _mm512_set1_epi32(3));
    return _mm512_srai_epi32(_mm512_sub_epi32(_mm512_sub_epi32(thrice, total(next)), ones), 8);
  }
};
