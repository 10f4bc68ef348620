// Integer products and ternary kernels on NEON registers, weights in blocks of 16 rows. Included
// after neon-inl.h; the target defines
//   dot4_add(int32x4_t& sum, uint8x16_t codes, int8x16_t q)   sum[i] += dot of four bytes; codes <=
//   63
//   dot4_signed(int32x4_t& sum, int8x16_t a, int8x16_t b)     the same of signed bytes
//   dot4_mixed(int32x4_t& sum, uint8x16_t a, int8x16_t b)     the same, `a` any unsigned bytes

struct Codes {
  uint8x16_t part[4];
};
inline Codes load_codes(const uint8_t* p) {
  return {{vld1q_u8(p), vld1q_u8(p + 16), vld1q_u8(p + 32), vld1q_u8(p + 48)}};
}
inline int8x16_t load_packed(const uint8_t* p) {
  return vld1q_s8(reinterpret_cast<const int8_t*>(p));
}
inline void dot4_add(I32x16& sum, const Codes& codes, const int8_t* q) {
  const int8x16_t four = broadcast_4(q);
  for (int i = 0; i < 4; ++i) dot4_add(sum.part[i], codes.part[i], four);
}
inline F32x16 trits(const Codes& codes, uint32_t i) {
  const int32x4_t shift = vdupq_n_s32(-8 * static_cast<int32_t>(i));
  return each_part([&](int part) {
    const uint32x4_t code =
        vandq_u32(vshlq_u32(vreinterpretq_u32_u8(codes.part[part]), shift), vdupq_n_u32(3));
    return vcvtq_f32_s32(vsubq_s32(vreinterpretq_s32_u32(code), vdupq_n_s32(1)));
  });
}

constexpr uint32_t kHeadTokens = 4;
constexpr uint32_t kFloatHeadTokens = 1;

/// Activations of the head, without their offset.
inline int8x16_t head_codes(const uint8_t* q) {
  return vreinterpretq_s8_u8(veorq_u8(vld1q_u8(q), vdupq_n_u8(0x80)));
}

template <uint32_t m>
inline void q6_k_lanes(const uint8_t* block, const uint8_t* q, size_t q_stride,
                       I32x16 (&lanes)[m]) {
  const uint8x16_t nibble = vdupq_n_u8(15);
  const uint8x16_t top = vdupq_n_u8(0x30);
  for (auto& sum : lanes) sum = set1_i32(0);
  for (int half = 0; half < 2; ++half) {
    prefetch(block + 64 * half, kPrefetchBytes);
    for (int a = 0; a < 4; ++a) {  // 16 elements of the half and 16 that lie 64 further
      const uint8x16_t low = vld1q_u8(block + 64 * half + 16 * a);
      const uint8x16_t high = vld1q_u8(block + 128 + 32 * half + 16 * (a % 2));
      const auto weights = [&](uint8x16_t low_bits, int up) {
        const uint8x16_t high_bits = vshlq_u8(high, vdupq_n_s8(static_cast<int8_t>(up)));
        const uint8x16_t codes = vorrq_u8(low_bits, vandq_u8(high_bits, top));
        return vreinterpretq_s8_u8(vsubq_u8(codes, vdupq_n_u8(32)));
      };
      const int8x16_t even = weights(vandq_u8(low, nibble), a < 2 ? 4 : 2);
      const int8x16_t odd = weights(vshrq_n_u8(low, 4), a < 2 ? 0 : -2);
      const auto* scales = reinterpret_cast<const int8_t*>(block + 192 + 8 * half + a);
      const int32x4_t scale = vcombine_s32(vdup_n_s32(scales[0]), vdup_n_s32(scales[4]));
      for (uint32_t t = 0; t < m; ++t) {
        const uint8_t* part = q + t * q_stride + 128 * half + 16 * a;
        int32x4_t even_dots = vdupq_n_s32(0);
        int32x4_t odd_dots = vdupq_n_s32(0);
        dot4_signed(even_dots, even, head_codes(part));
        dot4_signed(odd_dots, odd, head_codes(part + 64));
        lanes[t].part[a] = vmlaq_s32(lanes[t].part[a], vpaddq_s32(even_dots, odd_dots), scale);
      }
    }
  }
}

template <uint32_t m>
inline void q8_0_lanes(const uint8_t* a, const uint8_t* b, const uint8_t* q, size_t q_stride,
                       I32x16 (&lanes)[m]) {
  for (int part = 0; part < 4; ++part) {
    const uint8_t* w = (part < 2 ? a : b) + 16 * (part % 2);
    const int8x16_t weights = vld1q_s8(reinterpret_cast<const int8_t*>(w));
    for (uint32_t t = 0; t < m; ++t) {
      lanes[t].part[part] = vdupq_n_s32(0);
      dot4_signed(lanes[t].part[part], weights, head_codes(q + t * q_stride + 16 * part));
    }
  }
}

/// Codes of 16 packed bytes: four columns of 16 rows.
inline Codes codes_of(int8x16_t v) {
  const uint8x16_t mask = vdupq_n_u8(3);
  const uint8x16_t bits = vreinterpretq_u8_s8(v);
  return {{vshrq_n_u8(vaddq_u8(bits, vdupq_n_u8(64)), 6), vandq_u8(vshrq_n_u8(bits, 4), mask),
           vandq_u8(vshrq_n_u8(bits, 2), mask), vandq_u8(bits, mask)}};
}

inline void unpack_group(const TernaryMatrix& w, uint32_t row, uint32_t /*row_end*/, uint32_t g,
                         uint8_t* out) {
  const uint8_t* group = w.data + size_t{row} * (w.k_padded / 4) + size_t{g} * 512;
  for (uint32_t at = 0; at < 512; at += 16) {
    if (at % 64 == 0) prefetch(group + at, kPrefetchBytes);
    const Codes codes = codes_of(load_packed(group + at));
    for (uint32_t p = 0; p < 4; ++p) vst1q_u8(out + 4 * at + 16 * p, codes.part[p]);
  }
}

struct Bytes {
  int8x16_t part[4];
};
using Dots = I32x16;
constexpr int32_t kKeyBias = 0;
inline Bytes load_keys(const uint8_t* p) {
  Bytes bytes;
  for (int i = 0; i < 4; ++i) bytes.part[i] = vreinterpretq_s8_u8(vld1q_u8(p + 16 * i));
  return bytes;
}
inline Bytes load_values(const uint8_t* p) { return load_keys(p); }
inline Dots dots_of(int32_t start) { return set1_i32(start); }
inline void add_keys(Dots& dots, const Bytes& keys, const int8_t* four) {
  const int8x16_t q = broadcast_4(four);
  for (int i = 0; i < 4; ++i) dot4_signed(dots.part[i], keys.part[i], q);
}
inline void add_values(Dots& dots, const Bytes& values, const uint8_t* four) {
  const auto weights = vreinterpretq_u8_s8(broadcast_4(reinterpret_cast<const int8_t*>(four)));
  for (int i = 0; i < 4; ++i) dot4_mixed(dots.part[i], weights, values.part[i]);
}

constexpr uint32_t kBlockTokens = 4;
constexpr uint32_t kAttentionRows = 4;  // 16 accumulator registers of the 32
constexpr uint32_t kAttentionBlocks = 1;
constexpr uint32_t kPairedRows = 2;
constexpr uint32_t kByteRows = 4;
constexpr uint32_t kByteBlocks = 1;

#include "kernels/generic/vector_ops-inl.h"
//
#include "kernels/generic/attention-inl.h"
//
#include "kernels/generic/attention_float-inl.h"
#include "kernels/generic/attention_int8-inl.h"
#include "kernels/generic/head-inl.h"
#include "kernels/generic/ternary-inl.h"
#include "kernels/generic/table-inl.h"
