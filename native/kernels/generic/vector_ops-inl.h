// Element-wise operations and reductions of one target, in terms of its F32x16 vocabulary.
// Included inside the target's anonymous namespace, after F32x16 is defined.

#include "kernels/generic/lanes-inl.h"

static inline float square_sum(const float* x, uint32_t n) {
  F32x16 lane[4] = {zero(), zero(), zero(), zero()};
  uint32_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    for (uint32_t v = 0; v < 4; ++v) {
      const F32x16 part = load(x + i + v * kLanes);
      lane[v] = fma(part, part, lane[v]);
    }
  }
  for (uint32_t v = 0; i < n; ++v, i += kLanes) {
    const F32x16 part = n - i >= kLanes ? load(x + i) : load_partial(x + i, n - i);
    lane[v] = fma(part, part, lane[v]);
  }
  return fold_sum(lane[0], lane[1], lane[2], lane[3]);
}

static void rms_norm(const float* x, const float* w, uint32_t n, float eps, float* y) {
  const float mean = square_sum(x, n) / static_cast<float>(n);
  const F32x16 inverse = set1(1.0f / sqrt_f32(mean + eps));
  uint32_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(mul(mul(load(x + i), inverse), load(w + i)), y + i);
  if (i < n) {
    store_partial(mul(mul(load_partial(x + i, n - i), inverse), load_partial(w + i, n - i)), y + i,
                  n - i);
  }
}

/// NaNs do not count: the second operand of max is the one that stays.
static inline float abs_max(const float* x, uint32_t n) {
  F32x16 best = zero();
  uint32_t i = 0;
  for (; i + kLanes <= n; i += kLanes) best = max(abs(load(x + i)), best);
  if (i < n) best = max(abs(load_partial(x + i, n - i)), best);
  return max_lane(best);
}

/// q[i] = rne(x[i] * factor) for i < n, 0 up to n_padded.
static inline void quantize_codes(const float* x, uint32_t n, uint32_t n_padded, float factor,
                                  int8_t* q) {
  const F32x16 f = set1(factor);
  uint32_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store_i8(mul(load(x + i), f), q + i);
  if (i < n) {
    alignas(16) int8_t tail[kLanes];
    store_i8(mul(load_partial(x + i, n - i), f), tail);
    for (uint32_t j = 0; i + j < n; ++j) q[i + j] = tail[j];
  }
  for (i = n; i < n_padded; ++i) q[i] = 0;
}

/// Below it 1 / step would not be a finite float.
constexpr float kSmallestStep = 0x1p-126f;

static void quantize_row(const float* x, uint32_t k, uint32_t k_padded, int8_t* q, float* scale,
                         int32_t* sum) {
  constexpr double kFloor = 1e-5;  // keeps an all-zero row finite
  const double absmax = static_cast<double>(abs_max(x, k));
  const float factor = static_cast<float>(127.0 / (absmax > kFloor ? absmax : kFloor));
  quantize_codes(x, k, k_padded, factor, q);
  int32_t total = 0;
  for (uint32_t i = 0; i < k; ++i) total += q[i];
  *scale = factor;
  *sum = total;
}

static void quantize_blocks(const float* x, uint32_t k, uint32_t k_padded, int8_t* q, float* d,
                            int32_t* sum) {
  for (uint32_t begin = 0; begin < k_padded; begin += kActivationBlock) {
    const uint32_t left = begin < k ? k - begin : 0;
    const uint32_t n = left < kActivationBlock ? left : kActivationBlock;
    const float step = n > 0 ? abs_max(x + begin, n) / 127.0f : 0.0f;
    quantize_codes(x + begin, n, kActivationBlock, step >= kSmallestStep ? 1.0f / step : 0.0f,
                   q + begin);
    int32_t total = 0;
    for (uint32_t i = begin; i < begin + kActivationBlock; ++i) total += q[i];
    d[begin / kActivationBlock] = f16_to_f32(f32_to_f16(step));
    sum[begin / kActivationBlock] = total;
  }
}

/// Below it 127 / absmax would not be a finite float.
constexpr float kSmallestAbsmax = 0x1p-120f;

static void quantize_head(const float* x, uint32_t k, uint8_t* q, float* d) {
  for (uint32_t begin = 0; begin < k; begin += kHeadBlock) {
    const uint32_t n = k - begin < kHeadBlock ? k - begin : kHeadBlock;
    const float absmax = abs_max(x + begin, n);
    const float factor = absmax >= kSmallestAbsmax ? 127.0f / absmax : 0.0f;
    d[begin / kHeadBlock] = absmax / 127.0f;
    alignas(64) int8_t codes[kHeadBlock];
    quantize_codes(x + begin, n, kHeadBlock, factor, codes);
    for (uint32_t i = 0; i < kHeadBlock; ++i) q[begin + i] = static_cast<uint8_t>(codes[i] + 128);
  }
}

static void add_rows(float* x, const float* y, uint32_t n) {
  uint32_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(add(load(x + i), load(y + i)), x + i);
  for (; i < n; ++i) x[i] += y[i];
}

static inline F32x16 relu2_mul_lanes(F32x16 g, F32x16 u) {
  const F32x16 positive = max(g, zero());
  return mul(mul(positive, positive), u);
}

/// g / (1 + 2^-z) for z in base-2 logarithms.
static inline F32x16 gate_lanes(F32x16 g, F32x16 z) {
  // Beyond these bounds the sigmoid is 0 or 1 to the last bit, or z is NaN or infinite.
  const F32x16 t = min(max(neg(z), set1(-126.0f)), set1(126.0f));
  return div(g, add(set1(1.0f), exp2(t)));
}

static inline F32x16 silu_mul_lanes(F32x16 g, F32x16 u) {
  return mul(gate_lanes(g, mul(g, set1(1.44269504f))), u);
}

/// (1 + tanh(t)) / 2 is the sigmoid of 2t.
static inline F32x16 gelu_mul_lanes(F32x16 g, F32x16 u) {
  const F32x16 cubed = mul(mul(g, g), g);
  const F32x16 inner = fma(cubed, set1(0.044715f), g);
  return mul(gate_lanes(g, mul(inner, set1(2.30220819f))), u);  // 2 sqrt(2/pi) log2(e)
}

template <F32x16 (*lanes)(F32x16, F32x16)>
static void map_pairs(const float* g, const float* u, uint32_t n, float* y) {
  uint32_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(lanes(load(g + i), load(u + i)), y + i);
  if (i < n) {
    store_partial(lanes(load_partial(g + i, n - i), load_partial(u + i, n - i)), y + i, n - i);
  }
}

static void rope(float* x, uint32_t n_heads, uint32_t head_dim, const float* cos,
                 const float* sin) {
  const uint32_t half = head_dim / 2;
  for (uint32_t head = 0; head < n_heads; ++head) {
    float* first = x + size_t{head} * head_dim;
    float* second = first + half;
    for (uint32_t i = 0; i < half; i += kLanes) {
      const uint32_t n = half - i < kLanes ? half - i : kLanes;
      const bool whole = n == kLanes;
      const F32x16 a = whole ? load(first + i) : load_partial(first + i, n);
      const F32x16 b = whole ? load(second + i) : load_partial(second + i, n);
      const F32x16 c = whole ? load(cos + i) : load_partial(cos + i, n);
      const F32x16 s = whole ? load(sin + i) : load_partial(sin + i, n);
      const F32x16 rotated_a = neg_fma(b, s, mul(a, c));
      const F32x16 rotated_b = fma(a, s, mul(b, c));
      if (whole) {
        store(rotated_a, first + i);
        store(rotated_b, second + i);
      } else {
        store_partial(rotated_a, first + i, n);
        store_partial(rotated_b, second + i, n);
      }
    }
  }
}
