// Partial vectors, folds and the exponential of one target, in terms of its F32x16 vocabulary.
// Included inside the target's anonymous namespace, after F32x16 is defined.
//
// F32x16 is 16 floats with: load, store, load_f16, load_bf16, set1, zero, add, sub, mul,
// fma(a,b,c), neg_fma(a,b,c) = c - a*b, div, max, min, abs, pow2(n) for integral n in [-126, 127],
// fold_sum(v) (lane i += lane i + width for widths 8, 4, 2, 1),
// round_bf16(v) (to nearest even, the low 16 bits 0), load_bf16_even/odd(p) (of 16 pairs),
// store_i8(v, p) (round half to even, |v| < 2^21, saturated to int8; NaN gives 0), max_lane(v)
// (lane i against i + 8, then 4, 2, 1; the second when neither is larger). All are IEEE operations
// with one rounding each, so a target's width never shows in a result.

constexpr uint32_t kLanes = 16;

/// The first `n` < 16 floats of p, then zeros.
static inline F32x16 load_partial(const float* p, uint32_t n) {
  alignas(64) float buffer[kLanes] = {};
  for (uint32_t i = 0; i < n; ++i) buffer[i] = p[i];
  return load(buffer);
}

static inline void store_partial(F32x16 v, float* p, uint32_t n) {
  alignas(64) float buffer[kLanes];
  store(v, buffer);
  for (uint32_t i = 0; i < n; ++i) p[i] = buffer[i];
}

/// 64-lane sum: four accumulators, folded 32, 16 and then as fold_sum.
static inline float fold_sum(F32x16 a, F32x16 b, F32x16 c, F32x16 d) {
  return fold_sum(add(add(a, c), add(b, d)));
}

/// 2^x for x in [-126, 127]; relative error below 2e-8 before the last rounding.
/// x = n + f with n integral and |f| <= 1/2; 2^f by a degree-6 minimax polynomial.
static inline F32x16 exp2(F32x16 x) {
  const F32x16 magic = set1(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
  const F32x16 n = sub(add(x, magic), magic);
  const F32x16 f = sub(x, n);
  F32x16 p = set1(0x1.41d334p-13f);
  p = fma(p, f, set1(0x1.5f456ap-10f));
  p = fma(p, f, set1(0x1.3b2dbcp-7f));
  p = fma(p, f, set1(0x1.c6aed4p-5f));
  p = fma(p, f, set1(0x1.ebfbdap-3f));
  p = fma(p, f, set1(0x1.62e430p-1f));
  p = fma(p, f, set1(1.0f));
  return mul(p, pow2(n));
}
