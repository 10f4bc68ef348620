// The output head of one target. Included inside the target's anonymous namespace, after
// vector_ops-inl.h. The target defines I32x16 with to_f32(I32x16), halves(lo, hi) = 8 lanes of
// each, and the exact integer lanes of the block formats:
//   q6_k_lanes(block, q, sum4)  lane j = sum over h < 4 of scale[4h + j/4] *
//                               sum over i < 4 of (q6[64h+4j+i] - 32) * q[64h+4j+i]
//   q8_0_lanes(a, b, q, sum4)   lane j = sum over i < 4 of w[4j+i] * q[4j+i], w = the 32 weights of
//                               block a, then those of block b
//
// Float heads: 64 lanes of fused multiply-add, folded as in rms_norm. Block heads: 16 lanes,
// lane += float(integer lane) * (d_block * d_activation) by fused multiply-add in block order,
// folded 8, 4, 2, 1.

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

template <class Weights>
static inline float dot_row(const typename Weights::Elem* w, const float* x, uint32_t k) {
  using Elem = typename Weights::Elem;
  F32x16 lane[4] = {zero(), zero(), zero(), zero()};
  uint32_t i = 0;
  for (; i + 4 * kLanes <= k; i += 4 * kLanes) {
    for (uint32_t v = 0; v < 4; ++v) {
      const Elem* part = w + i + v * kLanes;
      if (v % (64 / (kLanes * sizeof(Elem))) == 0) prefetch(part, kPrefetchBytes);
      lane[v] = fma(Weights::load_lanes(part), load(x + i + v * kLanes), lane[v]);
    }
  }
  for (uint32_t v = 0; i < k; ++v, i += kLanes) {
    alignas(64) Elem tail[kLanes] = {};
    for (uint32_t j = 0; j < kLanes && i + j < k; ++j) tail[j] = w[i + j];
    lane[v] = fma(Weights::load_lanes(tail), load(x + i), lane[v]);
  }
  return fold_sum(lane[0], lane[1], lane[2], lane[3]);
}

template <class Weights>
static void head_float(const HeadMatrix& w, const HeadInput& x, uint32_t row_begin,
                       uint32_t row_end, float* y, size_t y_stride) {
  for (uint32_t r = row_begin; r < row_end; ++r) {
    const auto* row = reinterpret_cast<const typename Weights::Elem*>(w.data + r * w.row_bytes);
    for (uint32_t i = 0; i < x.m; ++i) {
      y[i * y_stride + r] = dot_row<Weights>(row, x.x + i * x.x_stride, w.k);
    }
  }
}

static inline float load_f16_scalar(const uint8_t* p) {
  uint16_t bits;
  __builtin_memcpy(&bits, p, sizeof bits);
  return f16_to_f32(bits);
}

static void head_q6_k(const HeadMatrix& w, const HeadInput& x, uint32_t row_begin, uint32_t row_end,
                      float* y, size_t y_stride) {
  constexpr size_t kBlockBytes = 210;
  constexpr size_t kScaleOffset = 208;
  const uint32_t n_blocks = w.k / kHeadBlock;
  for (uint32_t r = row_begin; r < row_end; ++r) {
    const uint8_t* row = w.data + r * w.row_bytes;
    for (uint32_t i = 0; i < x.m; ++i) {
      const int8_t* q = x.q + i * x.q_stride;
      const int32_t* sum4 = x.sum4 + i * (x.q_stride / 4);
      const float* d = x.d + i * (x.q_stride / kHeadBlock);
      F32x16 sum = zero();
      for (uint32_t b = 0; b < n_blocks; ++b) {
        const uint8_t* block = row + b * kBlockBytes;
        const float scale = load_f16_scalar(block + kScaleOffset) * d[b];
        sum = fma(to_f32(q6_k_lanes(block, q + b * kHeadBlock, sum4 + b * kHeadBlock / 4)),
                  set1(scale), sum);
      }
      y[i * y_stride + r] = fold_sum(sum);
    }
  }
}

static void head_q8_0(const HeadMatrix& w, const HeadInput& x, uint32_t row_begin, uint32_t row_end,
                      float* y, size_t y_stride) {
  constexpr uint32_t kBlock = 32;
  constexpr size_t kBlockBytes = 34;
  static const uint8_t kNoBlock[kBlockBytes] = {};
  const uint32_t n_blocks = w.k / kBlock;
  for (uint32_t r = row_begin; r < row_end; ++r) {
    const uint8_t* row = w.data + r * w.row_bytes;
    for (uint32_t i = 0; i < x.m; ++i) {
      const int8_t* q = x.q + i * x.q_stride;
      const int32_t* sum4 = x.sum4 + i * (x.q_stride / 4);
      const float* d = x.d + i * (x.q_stride / kHeadBlock);
      F32x16 sum = zero();
      for (uint32_t b = 0; b < n_blocks; b += 2) {
        const uint8_t* first = row + b * kBlockBytes;
        const uint8_t* second = b + 1 < n_blocks ? first + kBlockBytes : kNoBlock;
        prefetch(first, kPrefetchBytes);
        const float d_x = d[b * kBlock / kHeadBlock];
        const F32x16 scale = halves(load_f16_scalar(first) * d_x, load_f16_scalar(second) * d_x);
        sum = fma(to_f32(q8_0_lanes(first + 2, second + 2, q + b * kBlock, sum4 + b * kBlock / 4)),
                  scale, sum);
      }
      y[i * y_stride + r] = fold_sum(sum);
    }
  }
}
