// Integer products on ymm registers. Included after ymm-inl.h; the target defines
//   dot4(a, b)            eight sums of four products, unsigned a times signed b

inline __m256i broadcast_4(const int8_t* p) {
  int32_t four;
  __builtin_memcpy(&four, p, 4);
  return _mm256_set1_epi32(four);
}

/// Four activations, for all rows.
inline __m256i load_four(const int8_t* p) {
  struct Four {
    int8_t code[4];
  };
  __m256i four;
  // In the order of the source: g++ would load those of a whole tile first and spill the sums.
  __asm__ volatile("vpbroadcastd %1, %0" : "=x"(four) : "m"(*reinterpret_cast<const Four*>(p)));
  return four;
}

inline void add_i32(I32x16& sum, I32x16 v) {
  sum = {_mm256_add_epi32(sum.low, v.low), _mm256_add_epi32(sum.high, v.high)};
}

struct Codes {
  __m256i low, high;
};
inline Codes load_codes(const uint8_t* p) { return {load_256(p), load_256(p + 32)}; }
inline __m256 trits_half(__m256i codes, uint32_t i) {
  const __m256i code =
      _mm256_and_si256(_mm256_srli_epi32(codes, static_cast<int>(8 * i)), _mm256_set1_epi32(3));
  return _mm256_cvtepi32_ps(_mm256_sub_epi32(code, _mm256_set1_epi32(1)));
}
inline F32x16 trits(Codes codes, uint32_t i) {
  return {trits_half(codes.low, i), trits_half(codes.high, i)};
}

/// The codes of 8 rows' dwords, plane after plane, each 8 * 64 bytes after the last.
inline void unpack_planes(__m256i v, uint8_t* out) {
  const __m256i mask = _mm256_set1_epi8(3);
#pragma GCC unroll 4
  for (uint32_t plane = 0; plane < 4; ++plane) {
    const __m256i shifted = _mm256_srli_epi16(v, static_cast<int>(6 - 2 * plane));
    store_256(_mm256_and_si256(shifted, mask), out + size_t{plane} * 8 * 64);
  }
}

/// A group of kBlocks16.
inline void unpack_group(const TernaryMatrix& w, uint32_t row, uint32_t /*row_end*/, uint32_t g,
                         uint8_t* out) {
  const uint8_t* group = w.data + size_t{row} * (w.k_padded / 4) + size_t{g} * 512;
  for (uint32_t i = 0; i < 8; ++i) {
    prefetch(group + 64 * i, kPrefetchBytes);
    unpack_planes(load_256(group + 64 * i), out + 64 * i);
    unpack_planes(load_256(group + 64 * i + 32), out + 64 * i + 32);
  }
}

/// Eight dwords of each of eight rows: v[i] holds dword i of rows 0..7.
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

// Tiles of the head: eight sums, weights, scales and temporaries fit the registers.
constexpr uint32_t kHeadTokens = 8;
constexpr uint32_t kFloatHeadTokens = 1;

/// Scales s and 4 + s, then 1 + s and 5 + s, four times each, as 16-bit numbers.
inline __m256i four_scales(__m128i scales, int s) {
  const __m256i index = _mm256_add_epi8(
      _mm256_setr_epi64x(0, 0x0404040404040404, 0x0101010101010101, 0x0505050505050505),
      _mm256_set1_epi8(static_cast<char>(s)));
  const __m256i twice = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(scales), index);
  return _mm256_srai_epi16(twice, 8);
}

template <uint32_t m>
inline void q6_k_lanes(const uint8_t* block, const uint8_t* q, size_t q_stride,
                       I32x16 (&lanes)[m]) {
  const __m256i nibble = _mm256_set1_epi8(15);
  const __m256i top = _mm256_set1_epi8(0x30);
  const __m128i scales = load_128(block + 192);
  // Elements 0-31 and 64-95 of a half belong to the lower lanes, the others to the upper.
  __m256i sum[2][m];
  for (auto& side : sum) {
    for (auto& eight : side) eight = _mm256_setzero_si256();
  }
#pragma GCC unroll 2
  for (int side = 0; side < 2; ++side) {
    __m256i offset = _mm256_setzero_si256();  // what the activations' offset adds to each
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const __m256i low = load_256(block + 64 * half + 32 * side);
      const __m256i high = load_256(block + 128 + 32 * half);
      if (side == 0) prefetch(block + 64 * half, kPrefetchBytes);
      const auto weights = [&](__m256i low_bits, __m256i high_bits) {
        const __m256i codes =
            _mm256_or_si256(_mm256_and_si256(low_bits, nibble), _mm256_and_si256(high_bits, top));
        return _mm256_sub_epi8(codes, _mm256_set1_epi8(32));
      };
      const __m256i even = weights(low, _mm256_slli_epi16(high, 4 - 2 * side));
      const __m256i odd = weights(_mm256_srli_epi16(low, 4), _mm256_srli_epi16(high, 2 * side));
      const __m256i scale = four_scales(scales, 8 * half + 2 * side);
      // |weight| <= 32: dots of four do not exceed int16.
      const auto scaled = [&](__m256i even_q, __m256i odd_q) {
        return _mm256_madd_epi16(
            _mm256_hadd_epi16(_mm256_maddubs_epi16(even_q, even), _mm256_maddubs_epi16(odd_q, odd)),
            scale);
      };
      const __m256i flip = _mm256_set1_epi8(-128);
      offset = _mm256_add_epi32(offset, scaled(flip, flip));
      const uint8_t* part = q + 128 * half + 32 * side;
#pragma GCC unroll 8
      for (uint32_t t = 0; t < m; ++t, part += q_stride) {
        sum[side][t] = _mm256_add_epi32(sum[side][t], scaled(load_256(part), load_256(part + 64)));
      }
    }
    for (auto& eight : sum[side]) eight = _mm256_sub_epi32(eight, offset);
  }
  prefetch(block + 128, kPrefetchBytes);
  for (uint32_t t = 0; t < m; ++t) lanes[t] = {sum[0][t], sum[1][t]};
}

template <uint32_t m>
inline void q8_0_lanes(const uint8_t* a, const uint8_t* b, const uint8_t* q, size_t q_stride,
                       I32x16 (&lanes)[m]) {
  const __m256i flip = _mm256_set1_epi8(-128);
  const __m256i w[2] = {load_256(a), load_256(b)};
  const __m256i magnitude[2] = {_mm256_abs_epi8(w[0]), _mm256_abs_epi8(w[1])};
#pragma GCC unroll 8
  for (uint32_t t = 0; t < m; ++t) {
    const auto part = [&](int side) {
      const __m256i x = _mm256_xor_si256(load_256(q + t * q_stride + 32 * side), flip);
      return dot4(magnitude[side], _mm256_sign_epi8(x, w[side]));
    };
    lanes[t] = {part(0), part(1)};
  }
}
