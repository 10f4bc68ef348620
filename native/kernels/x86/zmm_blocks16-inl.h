// Products of a few activation rows with blocks of 16 weight rows, for targets with AVX512-VNNI: a
// lane is a row. Included inside the target's anonymous namespace, after zmm-inl.h.

constexpr uint32_t kBlockRows = 16;
/// Activation rows whose accumulators fit the registers.
constexpr uint32_t kDirectTile = 8;
/// For more, unpacking a block once costs less than doing so in registers for every tile.
constexpr uint32_t kDirect = 128;

/// One dword of each of 16 rows.
inline __m512i gather_dwords(const uint8_t* rows, uint32_t row_bytes) {
  const __m512i row = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i offsets = _mm512_mullo_epi32(row, _mm512_set1_epi32(static_cast<int>(row_bytes)));
  return _mm512_i32gather_epi32(offsets, rows, 1);
}

inline void pack(const uint8_t* rows, uint32_t k_padded, uint8_t* out) {
  const uint32_t row_bytes = k_padded / 4;
  for (uint32_t at = 0; at < row_bytes; at += 4, out += 64) {
    _mm512_storeu_si512(out, gather_dwords(rows + at, row_bytes));
  }
}

/// y of up to 16 rows and one token from their dots.
inline void store_dots(__m512i dots, const TernaryMatrix& w, const TernaryInput& x, uint32_t token,
                       uint32_t row, uint32_t n_rows, float* y) {
  const __m512 factor = _mm512_div_ps(load(w.row_scales + row), set1(x.scale[token]));
  _mm512_mask_storeu_ps(y + row, static_cast<__mmask16>((1u << n_rows) - 1),
                        _mm512_mul_ps(_mm512_cvtepi32_ps(dots), factor));
}

/// The same from dots with codes, which are trits plus one.
inline void store_rows(__m512i dots, const TernaryMatrix& w, const TernaryInput& x, uint32_t token,
                       uint32_t row, uint32_t n_rows, float* y) {
  store_dots(_mm512_sub_epi32(dots, _mm512_set1_epi32(x.sum[token])), w, x, token, row, n_rows, y);
}

/// Few activation rows: no shifts. The codes are masked in place, so that the four accumulators of
/// a row hold 64, 16, 4 and 1 times their sums; one arithmetic shift each at the end is exact.
template <uint32_t m>
inline void dot_in_place(const uint8_t* block, const int8_t* q, size_t q_stride, uint32_t k_padded,
                         __m512i (&dots)[m]) {
  const __m512i mask[4] = {_mm512_set1_epi8(static_cast<char>(0xc0)), _mm512_set1_epi8(0x30),
                           _mm512_set1_epi8(0x0c), _mm512_set1_epi8(0x03)};
  __m512i sum[4][m];
  for (auto& sums : sum) {
    for (auto& lanes : sums) lanes = _mm512_setzero_si512();
  }
  for (uint32_t k = 0; k < k_padded; k += kTernaryGroup, block += 512) {
#pragma GCC unroll 8
    for (uint32_t i = 0; i < 8; ++i) {
      const __m512i v = _mm512_load_si512(block + 64 * i);
      prefetch(block + 64 * i, kPrefetchBytes);
#pragma GCC unroll 4
      for (uint32_t p = 0; p < 4; ++p) {
        const __m512i codes = _mm512_and_si512(v, mask[p]);
#pragma GCC unroll 4
        for (uint32_t t = 0; t < m; ++t) {
          dot4_add(sum[p][t], codes, broadcast_4(q + t * q_stride + k + 32 * p + 4 * i));
        }
      }
    }
  }
#pragma GCC unroll 4
  for (uint32_t t = 0; t < m; ++t) {
    dots[t] = _mm512_add_epi32(
        _mm512_add_epi32(_mm512_srai_epi32(sum[0][t], 6), _mm512_srai_epi32(sum[1][t], 4)),
        _mm512_add_epi32(_mm512_srai_epi32(sum[2][t], 2), sum[3][t]));
  }
}

/// More of them: codes are shifted down once and shared, one accumulator per activation row, each
/// used anew only after all others.
template <uint32_t m>
inline void dot_shifted(const uint8_t* block, const int8_t* q, size_t q_stride, uint32_t k_padded,
                        __m512i (&dots)[m]) {
  const __m512i mask = _mm512_set1_epi8(3);
  for (auto& lanes : dots) lanes = _mm512_setzero_si512();
  for (uint32_t k = 0; k < k_padded; k += kTernaryGroup, block += 512) {
    for (uint32_t i = 0; i < 8; ++i) {
      const __m512i v = _mm512_load_si512(block + 64 * i);
      prefetch(block + 64 * i, kPrefetchBytes);
#pragma GCC unroll 4
      for (uint32_t p = 0; p < 4; ++p) {
        const __m512i codes = _mm512_and_si512(_mm512_srli_epi16(v, 6 - 2 * p), mask);
#pragma GCC unroll 8
        for (uint32_t t = 0; t < m; ++t) {
          dot4_add(dots[t], codes, broadcast_4(q + t * q_stride + k + 32 * p + 4 * i));
        }
      }
    }
  }
}

/// One block times a tile of m activation rows.
template <uint32_t m>
inline void multiply_block(const TernaryMatrix& w, const TernaryInput& x, uint32_t token,
                           uint32_t row, uint32_t row_end, float* y, size_t y_stride) {
  const uint8_t* block = w.data + size_t{row} * (w.k_padded / 4);
  const int8_t* q = x.q + token * x.q_stride;
  __m512i dots[m];
  if constexpr (m <= 4) {
    dot_in_place<m>(block, q, x.q_stride, w.k_padded, dots);
  } else {
    dot_shifted<m>(block, q, x.q_stride, w.k_padded, dots);
  }
  for (uint32_t t = 0; t < m; ++t) {
    store_rows(dots[t], w, x, token + t, row, rows_left(row, row_end), y + (token + t) * y_stride);
  }
}

/// Block after block: two at a time would share broadcasts, but memory likes one stream better. The
/// second tile finds the block in the cache.
inline void gemv(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                 uint32_t row_end, float* y, size_t y_stride) {
  for (uint32_t row = row_begin; row < row_end; row += kBlockRows) {
    for (uint32_t token = 0; token < x.m; token += kDirectTile) {
      const uint32_t n_tokens = x.m - token < kDirectTile ? x.m - token : kDirectTile;
      with_indices<kDirectTile>(n_tokens, [&]<uint32_t... i>(Indices<i...> /*tile*/) {
        multiply_block<sizeof...(i)>(w, x, token, row, row_end, y, y_stride);
      });
    }
  }
}
