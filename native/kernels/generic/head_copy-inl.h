// The int8 copy of an F16 head's row, of one target. Included inside the target's anonymous
// namespace, after vector_ops-inl.h.

/// Rounds |x| < 2^22 to the nearest integer, halves to even; NaN stays.
static inline F32x16 round_lanes(F32x16 x) {
  const F32x16 magic = set1(12582912.0f);  // 1.5 * 2^23
  return sub(add(x, magic), magic);
}

static void copy_head_row(const uint8_t* row, uint32_t k, uint8_t* copy, float* squares) {
  constexpr uint32_t kBlock = 32;
  const auto* half = reinterpret_cast<const uint16_t*>(row);
  F32x16 whole[2] = {zero(), zero()};
  F32x16 missing[2] = {zero(), zero()};
  for (uint32_t begin = 0; begin < k; begin += kBlock, half += kBlock) {
    const F32x16 w[2] = {load_f16(half), load_f16(half + kLanes)};
    const float absmax = max_lane(max(abs(w[0]), abs(w[1])));
    const uint16_t d_bits = f32_to_f16(absmax / 127.0f);
    __builtin_memcpy(copy, &d_bits, sizeof d_bits);
    copy += sizeof d_bits;
    const F32x16 d = set1(f16_to_f32(d_bits));
    const F32x16 factor = set1(absmax > 0.0f ? 127.0f / absmax : 0.0f);
    for (uint32_t i = 0; i < 2; ++i, copy += kLanes) {
      const F32x16 code = round_lanes(mul(w[i], factor));
      store_i8(code, reinterpret_cast<int8_t*>(copy));
      const F32x16 rest = neg_fma(code, d, w[i]);
      whole[i] = fma(w[i], w[i], whole[i]);
      missing[i] = fma(rest, rest, missing[i]);
    }
  }
  squares[0] = fold_sum(add(whole[0], whole[1]));
  squares[1] = fold_sum(add(missing[0], missing[1]));
}
