// The output head of one target. Included inside the target's anonymous namespace, after
// vector_ops-inl.h. A row of weights is unpacked once for a tile of activation rows. The target
// defines the largest tiles, kHeadTokens of block formats and kFloatHeadTokens,
// I32x16 with to_f32(I32x16), halves(lo, hi) = 8 lanes of each, and the exact integer lanes of the
// block formats for m activation rows, q_stride apart:
//   q6_k_lanes<m>(block, q, q_stride, lanes)  lane 4a + 2b + c of lanes[t] = sum over h = b, b + 2
//                    of scale[4h + a] * sum over i < 8 of (q6[e] - 32) * (q[e] - 128),
//                    e = 64h + 16a + 8c + i: two halves of 16 weights in even, two in odd rows of
//                    64
//   q8_0_lanes<m>(a, b, q, q_stride, lanes)   lane j = sum over i < 4 of w[4j+i] * (q[4j+i] - 128),
//                    w = the 32 weights of block a, then those of block b
// What the offset of q adds, 128 times the sum of the weights, is the same for all rows.
//
// Float heads: 64 lanes of fused multiply-add, folded as in rms_norm. Block heads: 16 lanes,
// lane += float(integer lane) * (d_block * d_activation) by fused multiply-add in block order,
// folded 8, 4, 2, 1.

#include "kernels/generic/head_copy-inl.h"

struct WeightsF32 {
  using Elem = float;
  static inline F32x16 load_lanes(const Elem* p) { return load(p); }
};
struct WeightsF16 {
  using Elem = uint16_t;
  static inline F32x16 load_lanes(const Elem* p) { return load_f16(p); }
};
struct WeightsBF16 {
  using Elem = uint16_t;
  static inline F32x16 load_lanes(const Elem* p) { return load_bf16(p); }
};

/// The dots of one row with m activation rows from row i on, m at most kTokens.
template <class Weights>
struct FloatRow {
  static constexpr uint32_t kTokens = kFloatHeadTokens;

  template <uint32_t m>
  __attribute__((always_inline)) static inline void multiply(const uint8_t* row, uint32_t k,
                                                             const HeadInput& in, uint32_t i,
                                                             float (&dots)[m]) {
    using Elem = typename Weights::Elem;
    const auto* w = reinterpret_cast<const Elem*>(row);
    const float* x = in.x + i * in.x_stride;
    F32x16 lane[m][4];
    for (auto& sums : lane) sums[0] = sums[1] = sums[2] = sums[3] = zero();
    const auto add_lanes = [&](uint32_t v, F32x16 weights, uint32_t column) {
#pragma GCC unroll 4
      for (uint32_t t = 0; t < m; ++t) {
        lane[t][v] = fma(weights, load(x + t * in.x_stride + column), lane[t][v]);
      }
    };
    uint32_t column = 0;
    for (; column + 4 * kLanes <= k; column += 4 * kLanes) {
#pragma GCC unroll 4
      for (uint32_t v = 0; v < 4; ++v) {
        const Elem* part = w + column + v * kLanes;
        if (v % (64 / (kLanes * sizeof(Elem))) == 0) prefetch(part, kPrefetchBytes);
        add_lanes(v, Weights::load_lanes(part), column + v * kLanes);
      }
    }
    for (uint32_t v = 0; column < k; ++v, column += kLanes) {
      alignas(64) Elem tail[kLanes] = {};
      for (uint32_t j = 0; j < kLanes && column + j < k; ++j) tail[j] = w[column + j];
      add_lanes(v, Weights::load_lanes(tail), column);
    }
    for (uint32_t t = 0; t < m; ++t) {
      dots[t] = fold_sum(lane[t][0], lane[t][1], lane[t][2], lane[t][3]);
    }
  }
};

static inline float load_f16_scalar(const uint8_t* p) {
  uint16_t bits;
  __builtin_memcpy(&bits, p, sizeof bits);
  return f16_to_f32(bits);
}

struct Q6KRow {
  static constexpr uint32_t kTokens = kHeadTokens;

  template <uint32_t m>
  __attribute__((always_inline)) static inline void multiply(const uint8_t* row, uint32_t k,
                                                             const HeadInput& in, uint32_t i,
                                                             float (&dots)[m]) {
    constexpr size_t kBlockBytes = 210;
    constexpr size_t kScaleOffset = 208;
    const size_t d_stride = in.q_stride / kHeadBlock;
    const uint8_t* q = in.q + i * in.q_stride;
    const float* d = in.d + i * d_stride;
    F32x16 sum[m];
    for (auto& lanes : sum) lanes = zero();
    for (uint32_t b = 0; b < k / kHeadBlock; ++b, row += kBlockBytes) {
      I32x16 lanes[m];
      q6_k_lanes<m>(row, q + b * kHeadBlock, in.q_stride, lanes);
      const float d_block = load_f16_scalar(row + kScaleOffset);
#pragma GCC unroll 8
      for (uint32_t t = 0; t < m; ++t) {
        sum[t] = fma(to_f32(lanes[t]), set1(d_block * d[t * d_stride + b]), sum[t]);
      }
    }
    for (uint32_t t = 0; t < m; ++t) dots[t] = fold_sum(sum[t]);
  }
};

struct Q80Row {
  static constexpr uint32_t kTokens = kHeadTokens;

  template <uint32_t m>
  __attribute__((always_inline)) static inline void multiply(const uint8_t* row, uint32_t k,
                                                             const HeadInput& in, uint32_t i,
                                                             float (&dots)[m]) {
    constexpr uint32_t kBlock = 32;
    constexpr size_t kBlockBytes = 34;
    static const uint8_t kNoBlock[kBlockBytes] = {};
    const size_t d_stride = in.q_stride / kHeadBlock;
    const uint8_t* q = in.q + i * in.q_stride;
    const float* d = in.d + i * d_stride;
    const uint32_t n_blocks = k / kBlock;
    F32x16 sum[m];
    for (auto& lanes : sum) lanes = zero();
    for (uint32_t b = 0; b < n_blocks; b += 2) {
      const uint8_t* first = row + b * kBlockBytes;
      const uint8_t* second = b + 1 < n_blocks ? first + kBlockBytes : kNoBlock;
      prefetch(first, kPrefetchBytes);
      I32x16 lanes[m];
      q8_0_lanes<m>(first + 2, second + 2, q + b * kBlock, in.q_stride, lanes);
      const F32x16 d_blocks = halves(load_f16_scalar(first), load_f16_scalar(second));
#pragma GCC unroll 8
      for (uint32_t t = 0; t < m; ++t) {
        const F32x16 d_x = set1(d[t * d_stride + b * kBlock / kHeadBlock]);
        sum[t] = fma(to_f32(lanes[t]), mul(d_blocks, d_x), sum[t]);
      }
    }
    for (uint32_t t = 0; t < m; ++t) dots[t] = fold_sum(sum[t]);
  }
};

/// Rows of the matrix times m activation rows from row i on.
template <class Row, uint32_t m>
static void head_rows(const HeadMatrix& w, const HeadInput& x, uint32_t i, uint32_t row_begin,
                      uint32_t row_end, float* y, size_t y_stride) {
  const uint8_t* row = w.data + row_begin * w.row_bytes;
  for (uint32_t r = row_begin; r < row_end; ++r, row += w.row_bytes) {
    float dots[m];
    Row::template multiply<m>(row, w.k, x, i, dots);
    for (uint32_t t = 0; t < m; ++t) y[(i + t) * y_stride + r] = dots[t];
  }
}

template <class Row, uint32_t m>
static inline void head_tile(const HeadMatrix& w, const HeadInput& x, uint32_t i, uint32_t n,
                             uint32_t row_begin, uint32_t row_end, float* y, size_t y_stride) {
  if (n == m) return head_rows<Row, m>(w, x, i, row_begin, row_end, y, y_stride);
  if constexpr (m > 1) {
    head_tile<Row, m - 1>(w, x, i, n, row_begin, row_end, y, y_stride);
  }
}

/// Rows that stay in the cache while tile after tile is multiplied with them.
constexpr uint32_t kRowsPerTurn = 8;

template <class Row>
static void head(const HeadMatrix& w, const HeadInput& x, uint32_t row_begin, uint32_t row_end,
                 float* y, size_t y_stride) {
  constexpr uint32_t kTile = Row::kTokens;
  const uint32_t step = x.m <= kTile ? row_end - row_begin : kRowsPerTurn;
  for (uint32_t row = row_begin; row < row_end; row += step) {
    const uint32_t end = row_end - row < step ? row_end : row + step;
    for (uint32_t i = 0; i < x.m; i += kTile) {
      const uint32_t n = x.m - i < kTile ? x.m - i : kTile;
      head_tile<Row, kTile>(w, x, i, n, row, end, y, y_stride);
    }
  }
}
