// Ternary products straight from packed weights. Included after neon_quads16-inl.h; the target
// defines kDirectTokens (2 or 4) and, for 1, 2 and so many activation rows t..., q_stride apart,
//   multiply_lines<turn>(block, q, q_stride, n_lines, dots, Indices<t...>)
//     dots[t] of 16 rows over n_lines lines, a multiple of `turn`: of trits in part 0, of codes in
//     the others

/// Calls each(token, Indices<...>) for all of m tokens, as many at once as the target takes.
template <class Each>
inline void for_tokens(uint32_t m, Each each) {
  uint32_t token = 0;
  if constexpr (kDirectTokens >= 4) {
    for (; token + 4 <= m; token += 4) each(token, Indices<0, 1, 2, 3>());
  }
  for (; token + 2 <= m; token += 2) each(token, Indices<0, 1>());
  if (token < m) each(token, Indices<0>());
}

template <uint32_t... t>
inline void multiply_tokens(const TernaryMatrix& w, const TernaryInput& x, uint32_t token,
                            uint32_t row, uint32_t row_end, float* y, size_t y_stride,
                            Indices<t...> tokens) {
  constexpr uint32_t kTurn = kTernaryGroup / kLineColumns;
  const uint8_t* block = w.data + size_t{row} * (w.k_padded / 4);
  I32x16 dots[sizeof...(t)];
  multiply_lines<kTurn>(block, x.q + token * x.q_stride, x.q_stride, w.k_padded / kLineColumns,
                        dots, tokens);
  (store_rows(exact_dots(dots[t], x.sum[token + t]), w, x, token + t, row, row_end,
              y + (token + t) * y_stride),
   ...);
}

static void multiply_direct(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                            uint32_t row_end, float* y, size_t y_stride) {
  for (uint32_t row = row_begin; row < row_end; row += kRowLanes) {
    for_tokens(x.m, [&](uint32_t token, auto tokens) {
      multiply_tokens(w, x, token, row, row_end, y, y_stride, tokens);
    });
  }
}

template <uint32_t... t>
inline void multiply_tokens_by_block(const TernaryMatrix& w, const TernaryInput& x, uint32_t token,
                                     uint32_t row, uint32_t row_end, float* y, size_t y_stride,
                                     Indices<t...> tokens) {
  constexpr uint32_t m = sizeof...(t);
  constexpr uint32_t kLines = kActivationBlock / kLineColumns;
  const uint8_t* block = w.data + size_t{row} * (w.k_padded / 4);
  const int8_t* q = x.q + token * x.q_stride;
  const size_t per_token = x.q_stride / kActivationBlock;
  const int32_t* q_sum = x.block_sum + token * per_token;
  const float* q_scale = x.block_scale + token * per_token;
  const uint32_t group = w.group == 0 ? w.k_padded : w.group;
  size_t scale_at = size_t{row} * (w.k_padded / group);
  F32x16 total[m] = {(static_cast<void>(t), zero())...};
  for (uint32_t column = 0; column < w.k_padded; column += group) {
    F32x16 part[m] = {(static_cast<void>(t), zero())...};
    for (uint32_t i = 0; i < group; i += kActivationBlock) {
      I32x16 dots[m];
      multiply_lines<kLines>(block, q, x.q_stride, kLines, dots, tokens);
      ((part[t] = fma(to_f32(exact_dots(dots[t], q_sum[t * per_token])),
                      set1(q_scale[t * per_token]), part[t])),
       ...);
      block += 64 * kLines;
      q += kActivationBlock;
      ++q_sum;
      ++q_scale;
    }
    if (w.group == 0) {
      ((total[t] = part[t]), ...);
    } else {
      const F32x16 scale = load_f16(w.group_scales + scale_at);
      scale_at += kRowLanes;
      ((total[t] = fma(part[t], scale, total[t])), ...);
    }
  }
  const F32x16 factor = load(w.row_scales + row);
  (store_rows(mul(total[t], factor), row, row_end, y + (token + t) * y_stride), ...);
}

static void multiply_blocks(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                            uint32_t row_end, float* y, size_t y_stride, void* /*scratch*/) {
  for (uint32_t row = row_begin; row < row_end; row += kRowLanes) {
    for_tokens(x.m, [&](uint32_t token, auto tokens) {
      multiply_tokens_by_block(w, x, token, row, row_end, y, y_stride, tokens);
    });
  }
}
