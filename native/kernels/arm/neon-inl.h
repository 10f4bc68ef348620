// The F32x16 vocabulary as four NEON registers. Included inside the target's anonymous namespace.

struct F32x16 {
  float32x4_t part[4];
};
struct I32x16 {
  int32x4_t part[4];
};

template <class Op>
inline F32x16 each_part(Op op) {
  return {{op(0), op(1), op(2), op(3)}};
}

inline F32x16 load(const float* p) {
  return each_part([&](int i) { return vld1q_f32(p + 4 * i); });
}
inline void store(const F32x16& v, float* p) {
  for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, v.part[i]);
}
inline F32x16 load_f16(const uint16_t* p) {
  return each_part([&](int i) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * i))); });
}
inline F32x16 load_bf16(const uint16_t* p) {
  return each_part(
      [&](int i) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p + 4 * i), 16)); });
}
inline F32x16 load_bf16_even(const uint16_t* p) {
  return each_part([&](int i) {
    return vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_u16(vld1q_u16(p + 8 * i)), 16));
  });
}
inline F32x16 load_bf16_odd(const uint16_t* p) {
  return each_part([&](int i) {
    return vreinterpretq_f32_u32(
        vandq_u32(vreinterpretq_u32_u16(vld1q_u16(p + 8 * i)), vdupq_n_u32(0xffff0000)));
  });
}
inline F32x16 set1(float x) {
  return each_part([&](int) { return vdupq_n_f32(x); });
}
inline F32x16 zero() { return set1(0.0f); }
inline F32x16 add(const F32x16& a, const F32x16& b) {
  return each_part([&](int i) { return vaddq_f32(a.part[i], b.part[i]); });
}
inline F32x16 sub(const F32x16& a, const F32x16& b) {
  return each_part([&](int i) { return vsubq_f32(a.part[i], b.part[i]); });
}
inline F32x16 mul(const F32x16& a, const F32x16& b) {
  return each_part([&](int i) { return vmulq_f32(a.part[i], b.part[i]); });
}
inline F32x16 div(const F32x16& a, const F32x16& b) {
  return each_part([&](int i) { return vdivq_f32(a.part[i], b.part[i]); });
}
inline F32x16 fma(const F32x16& a, const F32x16& b, const F32x16& c) {
  return each_part([&](int i) { return vfmaq_f32(c.part[i], a.part[i], b.part[i]); });
}
inline F32x16 neg_fma(const F32x16& a, const F32x16& b, const F32x16& c) {
  return each_part([&](int i) { return vfmsq_f32(c.part[i], a.part[i], b.part[i]); });
}
inline float fold_sum(const F32x16& v) {
  const float32x4_t four =
      vaddq_f32(vaddq_f32(v.part[0], v.part[2]), vaddq_f32(v.part[1], v.part[3]));
  const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}
inline F32x16 neg(const F32x16& a) {
  return each_part([&](int i) { return vnegq_f32(a.part[i]); });
}
inline F32x16 abs(const F32x16& a) {
  return each_part([&](int i) { return vabsq_f32(a.part[i]); });
}
// As MAXPS and MINPS: the second operand when the comparison does not hold, which FMAX and FMIN do
// otherwise for NaN.
inline F32x16 max(const F32x16& a, const F32x16& b) {
  return each_part(
      [&](int i) { return vbslq_f32(vcgtq_f32(a.part[i], b.part[i]), a.part[i], b.part[i]); });
}
inline F32x16 min(const F32x16& a, const F32x16& b) {
  return each_part(
      [&](int i) { return vbslq_f32(vcltq_f32(a.part[i], b.part[i]), a.part[i], b.part[i]); });
}
inline float max_lane(const F32x16& v) {
  const auto larger = [](float32x4_t a, float32x4_t b) { return vbslq_f32(vcgtq_f32(a, b), a, b); };
  float32x4_t four = larger(larger(v.part[0], v.part[2]), larger(v.part[1], v.part[3]));
  four = larger(four, vextq_f32(four, four, 2));
  return vgetq_lane_f32(larger(four, vextq_f32(four, four, 1)), 0);
}
inline F32x16 pow2(const F32x16& n) {
  return each_part([&](int i) {
    const int32x4_t biased = vaddq_s32(vcvtnq_s32_f32(n.part[i]), vdupq_n_s32(127));
    return vreinterpretq_f32_s32(vshlq_n_s32(biased, 23));
  });
}
/// value where x >= limit, else 0.
inline F32x16 zero_below(const F32x16& x, const F32x16& limit, const F32x16& value) {
  return each_part([&](int i) {
    return vreinterpretq_f32_u32(
        vandq_u32(vcgeq_f32(x.part[i], limit.part[i]), vreinterpretq_u32_f32(value.part[i])));
  });
}
inline F32x16 round_bf16(const F32x16& v) {
  return each_part([&](int i) {
    const uint32x4_t bits = vreinterpretq_u32_f32(v.part[i]);
    const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    const uint32x4_t rounded = vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7fff)), odd);
    return vreinterpretq_f32_u32(vandq_u32(rounded, vdupq_n_u32(0xffff0000)));
  });
}
inline F32x16 halves(float low, float high) {
  return each_part([&](int i) { return vdupq_n_f32(i < 2 ? low : high); });
}
inline void store_i8(const F32x16& v, int8_t* p) {
  int16x4_t words[4];
  for (int i = 0; i < 4; ++i) {
    // FCVTNS gives 0 for NaN and saturates; the narrowing saturates again.
    words[i] = vqmovn_s32(vcvtnq_s32_f32(v.part[i]));
  }
  vst1_s8(p, vqmovn_s16(vcombine_s16(words[0], words[1])));
  vst1_s8(p + 8, vqmovn_s16(vcombine_s16(words[2], words[3])));
}
inline void store_u8(const F32x16& v, uint8_t* p) {
  uint16x4_t words[4];
  for (int i = 0; i < 4; ++i) words[i] = vqmovn_u32(vcvtnq_u32_f32(v.part[i]));
  vst1_u8(p, vqmovn_u16(vcombine_u16(words[0], words[1])));
  vst1_u8(p + 8, vqmovn_u16(vcombine_u16(words[2], words[3])));
}
inline I32x16 set1_i32(int32_t x) {
  const int32x4_t lanes = vdupq_n_s32(x);
  return {{lanes, lanes, lanes, lanes}};
}
inline F32x16 to_f32(const I32x16& v) {
  return each_part([&](int i) { return vcvtq_f32_s32(v.part[i]); });
}
inline float sqrt_f32(float x) { return __builtin_sqrtf(x); }
inline float ceil_f32(float x) { return __builtin_ceilf(x); }
inline float f16_to_f32(uint16_t bits) {
  return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(bits))), 0);
}
inline uint16_t f32_to_f16(float x) {
  return vget_lane_u16(vreinterpret_u16_f16(vcvt_f16_f32(vdupq_n_f32(x))), 0);
}
inline void prefetch(const void* p, size_t ahead) {
  __builtin_prefetch(static_cast<const uint8_t*>(p) + ahead);
}
inline void prefetch_l2(const void* p) { __builtin_prefetch(p, 0, 2); }

/// Four signed bytes in every group of four.
inline int8x16_t broadcast_4(const int8_t* p) {
  int32_t four;
  __builtin_memcpy(&four, p, 4);
  return vreinterpretq_s8_s32(vdupq_n_s32(four));
}
