// The F32x16 vocabulary as one zmm register, for targets with AVX-512 (F, BW, DQ, VL) and VNNI.
// Included inside the target's anonymous namespace.

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
inline float fold_sum(F32x16 v) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
/// Lane i against i + 2, then i + 1.
inline float max_lane_of(__m128 v) {
  v = _mm_max_ps(v, _mm_movehl_ps(v, v));
  return _mm_cvtss_f32(_mm_max_ss(v, _mm_movehdup_ps(v)));
}
inline F32x16 neg(F32x16 a) { return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f)); }
inline F32x16 abs(F32x16 a) { return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a); }
inline float max_lane(F32x16 v) {
  const __m256 eight = _mm256_max_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
  return max_lane_of(_mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1)));
}
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
inline void store_u8(F32x16 v, uint8_t* p) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v)));
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
inline void prefetch_l2(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T1); }

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

/// sum += dot products of two signed by two signed 16-bit halves.
inline void dot2_add(__m512i& sum, __m512i a, __m512i b) {
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
  __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
#else
  sum = _mm512_dpwssd_epi32(sum, a, b);
#endif
}

inline __m512i broadcast_4(const int8_t* p) {
  int32_t four;
  __builtin_memcpy(&four, p, 4);
  return _mm512_set1_epi32(four);
}

/// Signed bytes as VPDPBUSD wants them: keys become its unsigned operand.
using Bytes = __m512i;
using Dots = I32x16;
constexpr int32_t kKeyBias = 128;
inline Bytes load_keys(const uint8_t* p) {
  return _mm512_xor_si512(load_512(p), _mm512_set1_epi8(-128));
}
inline Bytes load_values(const uint8_t* p) { return load_512(p); }
inline Dots dots_of(int32_t start) { return set1_i32(start); }
// On copies: sums that are operands of inline assembly would live in memory.
inline void add_keys(Dots& dots, Bytes keys, const int8_t* four) {
  __m512i sum = dots.lanes;
  dot4_add(sum, keys, broadcast_4(four));
  dots.lanes = sum;
}
inline void add_values(Dots& dots, Bytes values, const uint8_t* four) {
  __m512i sum = dots.lanes;
  dot4_add(sum, broadcast_4(reinterpret_cast<const int8_t*>(four)), values);
  dots.lanes = sum;
}

using Codes = __m512i;
inline Codes load_codes(const uint8_t* p) { return _mm512_load_si512(p); }

/// Of packed bytes, the codes of a plane, times 2^kPlaneShift[plane].
constexpr int kPlaneShift[4] = {6, 4, 2, 0};
template <uint32_t plane>
inline Codes masked(Codes packed) {
  return _mm512_and_si512(packed, _mm512_set1_epi8(static_cast<char>(3 << kPlaneShift[plane])));
}

inline __m512i load_four(const int8_t* p) { return broadcast_4(p); }
using BlockDots = __m512i;
inline int32_t start_bits(int32_t sum) { return sum; }
inline BlockDots start_dots(int32_t bits) { return _mm512_set1_epi32(bits); }
inline void add_codes(BlockDots& dots, Codes codes, __m512i four) { dot4_add(dots, codes, four); }
inline I32x16 exact_dots(BlockDots dots) { return {dots}; }
constexpr uint32_t kTileTokens = 8;
constexpr uint32_t kInPlaceTokens = 0xffffffff;

inline F32x16 trits(Codes codes, uint32_t i) {
  const __m512i code = _mm512_and_si512(_mm512_srli_epi32(codes, 8 * i), _mm512_set1_epi32(3));
  return _mm512_cvtepi32_ps(_mm512_sub_epi32(code, _mm512_set1_epi32(1)));
}

/// The codes of a vector of bytes, each the first of the eight of its position in the byte.
inline void unpack_vector(__m512i v, size_t stride, uint8_t* out) {
  const __m512i mask = _mm512_set1_epi8(3);
  _mm512_store_si512(out, _mm512_and_si512(_mm512_srli_epi16(v, 6), mask));
  _mm512_store_si512(out + 8 * stride, _mm512_and_si512(_mm512_srli_epi16(v, 4), mask));
  _mm512_store_si512(out + 16 * stride, _mm512_and_si512(_mm512_srli_epi16(v, 2), mask));
  _mm512_store_si512(out + 24 * stride, _mm512_and_si512(v, mask));
}

/// The codes of one group of 16 rows, each vector `stride` bytes after the last; prefetches the
/// group that lies `ahead` bytes further.
inline void unpack_vectors(const uint8_t* group, size_t stride, uint8_t* out,
                           size_t ahead = kPrefetchBytes) {
  for (uint32_t i = 0; i < 8; ++i) {
    prefetch(group + 64 * i, ahead);
    unpack_vector(_mm512_load_si512(group + 64 * i), stride, out + i * stride);
  }
}
inline void unpack_group(const TernaryMatrix& w, uint32_t row, uint32_t /*row_end*/, uint32_t g,
                         uint8_t* out) {
  unpack_vectors(w.data + size_t{row} * (w.k_padded / 4) + size_t{g} * 512, 64, out);
}

constexpr uint32_t kBlockTokens = 8;

// One activation row has too little to do to unpack for more than it; eight fill the registers.
constexpr uint32_t kHeadTokens = 8;
constexpr uint32_t kFloatHeadTokens = 4;

/// 64 signed weights, and -128 times their sums of four: what the activations' offset adds.
struct HeadWeights {
  __m512i weights;
  __m512i offset;

  explicit HeadWeights(__m512i w)
      : weights(w),
        offset(_mm512_sub_epi32(
            _mm512_setzero_si512(),
            _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_set1_epi8(-128), w))) {}

  __m512i dot4(const uint8_t* q) const {
    __m512i dots = offset;
    dot4_add(dots, load_512(q), weights);
    return dots;
  }
};

template <uint32_t m>
inline void q6_k_lanes(const uint8_t* block, const uint8_t* q, size_t q_stride,
                       I32x16 (&lanes)[m]) {
  const __m512i nibble = _mm512_set1_epi8(15);
  const __m512i top = _mm512_set1_epi8(0x30);
  // Where the two high bits of elements 0-31 and 32-63 (64-95 and 96-127) lie in their byte.
  const __m512i up = _mm512_inserti64x4(_mm512_set1_epi16(4), _mm256_set1_epi16(2), 1);
  const __m512i down = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(2), 1);
  const __m512i scales = _mm512_castsi256_si512(
      _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block + 192))));
  // Of a half's scales a and 4 + a, four times each, for the a-th 128 bits.
  const __m512i lane_scale = _mm512_set_epi64(
      0x0007000700070007, 0x0003000300030003, 0x0006000600060006, 0x0002000200020002,
      0x0005000500050005, 0x0001000100010001, 0x0004000400040004, 0);
  for (auto& sum : lanes) sum = set1_i32(0);
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {
    const __m512i low = load_512(block + 64 * half);
    const __m512i high = _mm512_broadcast_i64x4(load_256(block + 128 + 32 * half));
    prefetch(block + 64 * half, kPrefetchBytes);
    const auto weights = [&](__m512i low_bits, __m512i high_bits) {
      const __m512i codes =
          _mm512_or_si512(_mm512_and_si512(low_bits, nibble), _mm512_and_si512(high_bits, top));
      return HeadWeights(_mm512_sub_epi8(codes, _mm512_set1_epi8(32)));
    };
    const HeadWeights even = weights(low, _mm512_sllv_epi16(high, up));
    const HeadWeights odd = weights(_mm512_srli_epi16(low, 4), _mm512_srlv_epi16(high, down));
    const __m512i scale = _mm512_permutexvar_epi16(
        _mm512_add_epi16(lane_scale, _mm512_set1_epi16(static_cast<short>(8 * half))), scales);
    // Dots of four weights are below 2^15: two and two fit the halves of a lane.
#pragma GCC unroll 8
    for (uint32_t t = 0; t < m; ++t) {
      const uint8_t* part = q + t * q_stride + 128 * half;
      const __m512i dots = _mm512_packs_epi32(even.dot4(part), odd.dot4(part + 64));
      dot2_add(lanes[t].lanes, dots, scale);
    }
  }
  prefetch(block + 128, kPrefetchBytes);
}

template <uint32_t m>
inline void q8_0_lanes(const uint8_t* a, const uint8_t* b, const uint8_t* q, size_t q_stride,
                       I32x16 (&lanes)[m]) {
  const HeadWeights weights(
      _mm512_inserti64x4(_mm512_castsi256_si512(load_256(a)), load_256(b), 1));
#pragma GCC unroll 8
  for (uint32_t t = 0; t < m; ++t) lanes[t] = {weights.dot4(q + t * q_stride)};
}

// 16 accumulator registers of the 32.
constexpr uint32_t kAttentionRows = 4;
constexpr uint32_t kAttentionBlocks = 4;
constexpr uint32_t kPairedRows = 4;
constexpr uint32_t kByteRows = 4;
constexpr uint32_t kByteBlocks = 2;
