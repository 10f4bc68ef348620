// Products of blocks of 16 weight rows with per-block activations, for targets with AVX512-VNNI.
// Included inside the target's anonymous namespace, after zmm_blocks16-inl.h. A plane of a group
// holds one block of 32 columns, so that the dots of a block are one plane's, over its 8 vectors.

/// The running sums of 16 rows and one token: of the blocks since the last group scale, and of the
/// groups.
struct GroupSums {
  F32x16 part = zero();
  F32x16 total = zero();
};

/// Where a block's scales come from: one per token and block, one per row and group.
struct GroupScales {
  const TernaryMatrix& w;
  const TernaryInput& x;
  const uint16_t* of_rows;  ///< of these 16 rows, null without group scales

  GroupScales(const TernaryMatrix& matrix, const TernaryInput& input, uint32_t row)
      : w(matrix), x(input), of_rows(nullptr) {
    if (w.group != 0) of_rows = w.group_scales + size_t{row} * (w.k_padded / w.group);
  }
  size_t at(uint32_t token, uint32_t column) const {
    return token * (x.q_stride / kActivationBlock) + column / kActivationBlock;
  }
  /// Adds the dots of the block at `column`.
  inline void add(GroupSums& sums, __m512i dots, uint32_t token, uint32_t column) const {
    const __m512i exact = _mm512_sub_epi32(dots, _mm512_set1_epi32(x.block_sum[at(token, column)]));
    sums.part = fma(_mm512_cvtepi32_ps(exact), set1(x.block_scale[at(token, column)]), sums.part);
    const uint32_t end = column + kActivationBlock;
    if (of_rows == nullptr || end % w.group != 0) return;
    const F32x16 scale = load_f16(of_rows + size_t{end / w.group - 1} * kBlockRows);
    sums.total = fma(sums.part, scale, sums.total);
    sums.part = zero();
  }
  inline void finish(const GroupSums& sums, uint32_t row, uint32_t row_end, float* y) const {
    const __mmask16 rows = static_cast<__mmask16>((1u << rows_left(row, row_end)) - 1);
    const F32x16 result = mul(w.group == 0 ? sums.part : sums.total, load(w.row_scales + row));
    _mm512_mask_storeu_ps(y + row, rows, result);
  }
};

/// One token: the codes are masked in place, and their dots shifted down afterwards, as in
/// dot_in_place.
void grouped_1(const TernaryMatrix& w, const TernaryInput& x, uint32_t token, uint32_t row,
               uint32_t row_end, float* y) {
  const __m512i mask0 = _mm512_set1_epi8(static_cast<char>(0xc0));
  const __m512i mask1 = _mm512_set1_epi8(0x30);
  const __m512i mask2 = _mm512_set1_epi8(0x0c);
  const __m512i mask3 = _mm512_set1_epi8(0x03);
  const uint8_t* group = w.data + size_t{row} * (w.k_padded / 4);
  const GroupScales scales(w, x, row);
  GroupSums sums;
  for (uint32_t column = 0; column < w.k_padded; column += kTernaryGroup, group += 512) {
    const int8_t* q = x.q + token * x.q_stride + column;
    __m512i dots0 = _mm512_setzero_si512();
    __m512i dots1 = dots0;
    __m512i dots2 = dots0;
    __m512i dots3 = dots0;
#pragma GCC unroll 8
    for (uint32_t i = 0; i < 8; ++i) {
      const __m512i v = _mm512_load_si512(group + 64 * i);
      prefetch(group + 64 * i, kPrefetchBytes);
      dot4_add(dots0, _mm512_and_si512(v, mask0), broadcast_4(q + 4 * i));
      dot4_add(dots1, _mm512_and_si512(v, mask1), broadcast_4(q + 32 + 4 * i));
      dot4_add(dots2, _mm512_and_si512(v, mask2), broadcast_4(q + 64 + 4 * i));
      dot4_add(dots3, _mm512_and_si512(v, mask3), broadcast_4(q + 96 + 4 * i));
    }
    scales.add(sums, _mm512_srai_epi32(dots0, 6), token, column);
    scales.add(sums, _mm512_srai_epi32(dots1, 4), token, column + kActivationBlock);
    scales.add(sums, _mm512_srai_epi32(dots2, 2), token, column + 2 * kActivationBlock);
    scales.add(sums, dots3, token, column + 3 * kActivationBlock);
  }
  scales.finish(sums, row, row_end, y);
}

/// Several tokens share the shifted codes, plane by plane.
template <uint32_t... t>
void grouped_m(const TernaryMatrix& w, const TernaryInput& x, uint32_t token, uint32_t row,
               uint32_t row_end, float* y, size_t y_stride, Indices<t...> /*tokens*/) {
  constexpr uint32_t m = sizeof...(t);
  const __m512i mask = _mm512_set1_epi8(3);
  const uint8_t* group = w.data + size_t{row} * (w.k_padded / 4);
  const GroupScales scales(w, x, row);
  GroupSums sums[m];
  const int8_t* q = x.q + token * x.q_stride;
  for (uint32_t column = 0; column < w.k_padded; column += kTernaryGroup, group += 512) {
    for (uint32_t plane = 0; plane < kBlocksPerGroup; ++plane) {
      const uint32_t at = column + plane * kActivationBlock;
      const __m128i shift = _mm_cvtsi32_si128(static_cast<int>(6 - 2 * plane));
      __m512i dots[m] = {(static_cast<void>(t), _mm512_setzero_si512())...};
      for (uint32_t i = 0; i < 8; ++i) {
        const __m512i v = _mm512_load_si512(group + 64 * i);
        if (plane == 0) prefetch(group + 64 * i, kPrefetchBytes);
        const __m512i codes = _mm512_and_si512(_mm512_srl_epi16(v, shift), mask);
        (dot4_add(dots[t], codes, broadcast_4(q + t * x.q_stride + at + 4 * i)), ...);
      }
      (scales.add(sums[t], dots[t], token + t, at), ...);
    }
  }
  (scales.finish(sums[t], row, row_end, y + (token + t) * y_stride), ...);
}

void multiply_blocks16(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                       uint32_t row_end, float* y, size_t y_stride) {
  for (uint32_t row = row_begin; row < row_end; row += kBlockRows) {
    uint32_t token = 0;
    for (; token + 8 <= x.m; token += 8) {
      grouped_m(w, x, token, row, row_end, y, y_stride, Indices<0, 1, 2, 3, 4, 5, 6, 7>());
    }
    for (; token + 4 <= x.m; token += 4) {
      grouped_m(w, x, token, row, row_end, y, y_stride, Indices<0, 1, 2, 3>());
    }
    for (; token + 2 <= x.m; token += 2) {
      grouped_m(w, x, token, row, row_end, y, y_stride, Indices<0, 1>());
    }
    if (token < x.m) grouped_1(w, x, token, row, row_end, y + token * y_stride);
  }
}
