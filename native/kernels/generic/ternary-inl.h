// Ternary products with per-block and with float activations, in terms of the target's vocabulary.
// Included inside the target's anonymous namespace, after lanes-inl.h. Lanes are rows of the
// matrix, so no sum crosses lanes. The target defines kBlockTokens (activation rows computed
// together), I32x16 with set1_i32, and
//   Codes, load_codes(p)            64 codes: bytes 4r..4r+3 belong to row r
//   dot4_add(I32x16&, Codes, p)     adds to lane r the dot of row r's four codes with p[0..3]; for
//                                   BlockSteps, which targets with grouped-inl.h do without
//   trits(Codes, i)                 code i (0..3) of each row, minus one, as floats
//   unpack_group(w, row, row_end, g, out)  the codes of 16 rows' group g: 32 times 64 bytes, four
//                                   columns each; rows from row_end on may be anything

constexpr uint32_t kRowLanes = 16;
constexpr uint32_t kGroupSteps = kTernaryGroup / 4;
constexpr uint32_t kBlocksPerGroup = kTernaryGroup / kActivationBlock;
constexpr uint32_t kStepsPerBlock = kActivationBlock / 4;

/// 0, 1, ..., as template arguments: accumulators with constant indices stay in registers.
template <uint32_t...>
struct Indices {};

/// Calls f with the indices 0 to n - 1, 1 <= n <= most: one instance of f for every n.
template <uint32_t most, class F, uint32_t... i>
static inline void with_indices(uint32_t n, const F& f, Indices<i...> /*so far*/) {
  if constexpr (sizeof...(i) < most) {
    if (n > sizeof...(i)) return with_indices<most>(n, f, Indices<i..., sizeof...(i)>());
  }
  f(Indices<i...>());
}
template <uint32_t most, class F>
static inline void with_indices(uint32_t n, const F& f) {
  with_indices<most>(n, f, Indices<0>());
}

/// Of the 16 rows from `row`, those before row_end.
static inline uint32_t rows_left(uint32_t row, uint32_t row_end) {
  return row_end - row < kRowLanes ? row_end - row : kRowLanes;
}

/// Activation rows in tiles, [k/columns][tile_rows][columns]: the `pack_x` of gemm kernels.
template <uint32_t tile_rows, uint32_t columns = 4>
static void pack_tiles(const TernaryInput& x, uint32_t k_padded, uint32_t begin, uint32_t end,
                       int8_t* out) {
  for (uint32_t tile = begin; tile < end; tile += tile_rows) {
    int8_t* to = out + size_t{tile} * k_padded;
    for (uint32_t i = 0; i < tile_rows; ++i) {
      const int8_t* from = x.q + (tile + i) * x.q_stride;
      for (uint32_t step = 0; step < k_padded / columns; ++step) {
        int8_t part[columns] = {};
        if (tile + i < x.m) __builtin_memcpy(part, from + columns * step, columns);
        __builtin_memcpy(to + (size_t{step} * tile_rows + i) * columns, part, columns);
      }
    }
  }
}

/// Group scale `i` of 16 rows; 0 for rows from row_end on.
static inline F32x16 group_scale_lanes(const TernaryMatrix& w, TernaryLayout layout, uint32_t row,
                                       uint32_t row_end, uint32_t i) {
  // Groups are of 64 or 128: a division would cost as much as a block.
  const size_t n_scales = w.k_padded >> (w.group == kTernaryGroup ? 7 : 6);
  if (layout != TernaryLayout::kRows) {
    return load_f16(w.group_scales + (row / kRowLanes * n_scales + i) * kRowLanes);
  }
  alignas(64) uint16_t lanes[kRowLanes] = {};
  for (uint32_t r = 0; r < kRowLanes && row + r < row_end; ++r) {
    lanes[r] = w.group_scales[(row + r) * n_scales + i];
  }
  return load_f16(lanes);
}

/// One group of four blocks of int8 activations.
struct BlockSteps {
  template <uint32_t n_tokens>
  static inline void block(const TernaryInput& x, uint32_t token, size_t column,
                           const uint8_t* codes, F32x16 (&part)[n_tokens]) {
    const size_t per_row = x.q_stride / kActivationBlock;
    const size_t at = column / kActivationBlock;
    I32x16 dots[n_tokens];
    for (uint32_t t = 0; t < n_tokens; ++t) {
      dots[t] = set1_i32(-x.block_sum[(token + t) * per_row + at]);
    }
    for (uint32_t step = 0; step < kStepsPerBlock; ++step) {
      const Codes four = load_codes(codes + step * kRowLanes * 4);
#pragma GCC unroll 8
      for (uint32_t t = 0; t < n_tokens; ++t) {
        dot4_add(dots[t], four, x.q + (token + t) * x.q_stride + column + 4 * step);
      }
    }
    for (uint32_t t = 0; t < n_tokens; ++t) {
      part[t] = fma(to_f32(dots[t]), set1(x.block_scale[(token + t) * per_row + at]), part[t]);
    }
  }
};

/// The same for float activations.
struct FloatSteps {
  template <uint32_t n_tokens>
  static inline void block(const TernaryInput& x, uint32_t token, size_t column,
                           const uint8_t* codes, F32x16 (&part)[n_tokens]) {
    for (uint32_t step = 0; step < kStepsPerBlock; ++step) {
      const Codes four = load_codes(codes + step * kRowLanes * 4);
#pragma GCC unroll 4
      for (uint32_t i = 0; i < 4; ++i) {
        const F32x16 weights = trits(four, i);
#pragma GCC unroll 8
        for (uint32_t t = 0; t < n_tokens; ++t) {
          const float value = x.x[(token + t) * x.x_stride + column + 4 * step + i];
          part[t] = fma(weights, set1(value), part[t]);
        }
      }
    }
  }
};

/// As unpack_group above.
using UnpackGroup = void (*)(const TernaryMatrix& w, uint32_t row, uint32_t row_end, uint32_t g,
                             uint8_t* out);

/// 16 rows times n_tokens activation rows.
template <class Steps, uint32_t n_tokens, UnpackGroup unpack>
static inline void multiply_rows16(const TernaryMatrix& w, TernaryLayout layout,
                                   const TernaryInput& x, uint32_t token, uint32_t row,
                                   uint32_t row_end, float* y, size_t y_stride) {
  F32x16 part[n_tokens];
  F32x16 total[n_tokens];
  for (uint32_t t = 0; t < n_tokens; ++t) part[t] = total[t] = zero();
  for (uint32_t g = 0; g < w.k_padded / kTernaryGroup; ++g) {
    alignas(64) uint8_t codes[kGroupSteps * kRowLanes * 4];
    unpack(w, row, row_end, g, codes);
    for (uint32_t b = 0; b < kBlocksPerGroup; ++b) {
      const uint32_t column = g * kTernaryGroup + b * kActivationBlock;
      Steps::template block<n_tokens>(x, token, column, codes + b * kStepsPerBlock * kRowLanes * 4,
                                      part);
      const uint32_t end = column + kActivationBlock;
      if (w.group == 0 || end % w.group != 0) continue;
      const F32x16 scale = group_scale_lanes(w, layout, row, row_end, end / w.group - 1);
      for (uint32_t t = 0; t < n_tokens; ++t) {
        total[t] = fma(part[t], scale, total[t]);
        part[t] = zero();
      }
    }
  }
  const uint32_t n_rows = rows_left(row, row_end);
  const F32x16 row_scales =
      n_rows == kRowLanes ? load(w.row_scales + row) : load_partial(w.row_scales + row, n_rows);
  for (uint32_t t = 0; t < n_tokens; ++t) {
    const F32x16 result = mul(w.group == 0 ? part[t] : total[t], row_scales);
    float* out = y + (token + t) * y_stride + row;
    if (n_rows == kRowLanes) {
      store(result, out);
    } else {
      store_partial(result, out, n_rows);
    }
  }
}

template <class Steps, TernaryLayout layout, UnpackGroup unpack = unpack_group>
static void multiply_grouped(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                             uint32_t row_end, float* y, size_t y_stride, void* /*scratch*/) {
  for (uint32_t row = row_begin; row < row_end; row += kRowLanes) {
    uint32_t token = 0;
    for (; token + kBlockTokens <= x.m; token += kBlockTokens) {
      multiply_rows16<Steps, kBlockTokens, unpack>(w, layout, x, token, row, row_end, y, y_stride);
    }
    for (; token < x.m; ++token) {
      multiply_rows16<Steps, 1, unpack>(w, layout, x, token, row, row_end, y, y_stride);
    }
  }
}
