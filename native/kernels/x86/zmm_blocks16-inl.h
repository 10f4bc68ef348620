// Products of a few activation rows with blocks of 16 weight rows, for targets with AVX512-VNNI: a
// lane is a row. Included inside the target's anonymous namespace, after zmm-inl.h.

constexpr uint32_t kBlockRows = 16;
constexpr uint32_t kDirect = 8;

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

/// One activation row: no shifts. The codes are masked in place, so that the four accumulators hold
/// 64, 16, 4 and 1 times their sums; one arithmetic shift each at the end is exact.
inline void gemv_1(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                   uint32_t row_end, float* y) {
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

inline void gemv(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                 uint32_t row_end, float* y, size_t y_stride) {
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
