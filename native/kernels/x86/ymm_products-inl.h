// Integer products on ymm registers. Included after ymm-inl.h; the target defines
//   dot4(a, b)            eight sums of four products, unsigned a times signed b
//   dot4_add(sum, a, b)   the same, added to a register

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
  dot4_add(sum.low, codes.low, four);
  dot4_add(sum.high, codes.high, four);
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
