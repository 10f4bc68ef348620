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
    for (int quarter = 0; quarter < 4; ++quarter) {  // 32 elements each
      for (int part = 0; part < 2; ++part) {
        const uint8x16_t low_bytes = vld1q_u8(block + 64 * half + 32 * (quarter % 2) + 16 * part);
        const uint8x16_t high_bytes = vld1q_u8(block + 128 + 32 * half + 16 * part);
        const uint8x16_t low = quarter < 2 ? vandq_u8(low_bytes, nibble) : vshrq_n_u8(low_bytes, 4);
        const int8x16_t shift = vdupq_n_s8(static_cast<int8_t>(4 - 2 * quarter));
        const uint8x16_t codes = vorrq_u8(low, vandq_u8(vshlq_u8(high_bytes, shift), top));
        const int8x16_t weights = vreinterpretq_s8_u8(vsubq_u8(codes, vdupq_n_u8(32)));
        const int e = 128 * half + 32 * quarter + 16 * part;
        const int lane = 2 * (quarter % 2) + part;
        const auto scale = static_cast<int8_t>(block[192 + e / 16]);
        for (uint32_t t = 0; t < m; ++t) {
          int32x4_t dots = vdupq_n_s32(0);
          dot4_signed(dots, weights, head_codes(q + t * q_stride + e));
          lanes[t].part[lane] = vmlaq_n_s32(lanes[t].part[lane], dots, scale);
        }
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

/// Codes of the four planes of 16 packed bytes.
inline void unpack_planes(uint8x16_t v, uint8x16_t (&plane)[4]) {
  const uint8x16_t mask = vdupq_n_u8(3);
  plane[0] = vshrq_n_u8(v, 6);
  plane[1] = vandq_u8(vshrq_n_u8(v, 4), mask);
  plane[2] = vandq_u8(vshrq_n_u8(v, 2), mask);
  plane[3] = vandq_u8(v, mask);
}

inline void unpack_group(const TernaryMatrix& w, uint32_t row, uint32_t /*row_end*/, uint32_t g,
                         uint8_t* out) {
  const uint8_t* group = w.data + size_t{row} * (w.k_padded / 4) + size_t{g} * 512;
  for (uint32_t at = 0; at < 512; at += 16) {
    if (at % 64 == 0) prefetch(group + at, kPrefetchBytes);
    uint8x16_t plane[4];
    unpack_planes(vld1q_u8(group + at), plane);
    for (uint32_t p = 0; p < 4; ++p) vst1q_u8(out + p * 512 + at, plane[p]);
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

constexpr uint32_t kDirect = 4;

inline void pack(const uint8_t* rows, uint32_t k_padded, uint8_t* out) {
  const size_t row_bytes = k_padded / 4;
  for (size_t dword = 0; dword < row_bytes / 4; ++dword) {
    for (uint32_t r = 0; r < kRowLanes; ++r) {
      __builtin_memcpy(out + 64 * dword + 4 * size_t{r}, rows + r * row_bytes + 4 * dword, 4);
    }
  }
}

inline void store_rows(const I32x16& dots, const TernaryMatrix& w, const TernaryInput& x,
                       uint32_t token, uint32_t row, uint32_t row_end, float* y) {
  I32x16 exact;
  for (int i = 0; i < 4; ++i) exact.part[i] = vsubq_s32(dots.part[i], vdupq_n_s32(x.sum[token]));
  const F32x16 result = mul(to_f32(exact), div(load(w.row_scales + row), set1(x.scale[token])));
  const uint32_t n_rows = rows_left(row, row_end);
  if (n_rows == kRowLanes) {
    store(result, y + row);
  } else {
    store_partial(result, y + row, n_rows);
  }
}

/// One activation row, codes straight from registers.
inline void gemv_1(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                   uint32_t row_end, float* y) {
  for (uint32_t row = row_begin; row < row_end; row += kRowLanes) {
    const uint8_t* block = w.data + size_t{row} * (w.k_padded / 4);
    I32x16 sum = set1_i32(0);
    for (uint32_t k = 0; k < w.k_padded; k += kTernaryGroup, block += 512) {
      for (uint32_t i = 0; i < 8; ++i) {
        prefetch(block + 64 * i, kPrefetchBytes);
        const int8_t* q = x.q + k + 4 * i;
        const int8x16_t four[4] = {broadcast_4(q), broadcast_4(q + 32), broadcast_4(q + 64),
                                   broadcast_4(q + 96)};
        for (uint32_t part = 0; part < 4; ++part) {
          uint8x16_t plane[4];
          unpack_planes(vld1q_u8(block + 64 * i + 16 * part), plane);
          for (uint32_t p = 0; p < 4; ++p) dot4_add(sum.part[part], plane[p], four[p]);
        }
      }
    }
    store_rows(sum, w, x, 0, row, row_end, y);
  }
}

/// 16 rows times n activation rows.
template <uint32_t n>
inline void multiply_block(const TernaryMatrix& w, const TernaryInput& x, uint32_t token,
                           uint32_t row, uint32_t row_end, float* y, size_t y_stride) {
  I32x16 sum[n];
  for (auto& lanes : sum) lanes = set1_i32(0);
  for (uint32_t g = 0; g < w.k_padded / kTernaryGroup; ++g) {
    alignas(64) uint8_t codes[kGroupSteps * kRowLanes * 4];
    unpack_group(w, row, row_end, g, codes);
    for (uint32_t step = 0; step < kGroupSteps; ++step) {
      const Codes four = load_codes(codes + 64 * step);
      for (uint32_t t = 0; t < n; ++t) {
        dot4_add(sum[t], four, x.q + (token + t) * x.q_stride + g * kTernaryGroup + 4 * step);
      }
    }
  }
  for (uint32_t t = 0; t < n; ++t) {
    store_rows(sum[t], w, x, token + t, row, row_end, y + (token + t) * y_stride);
  }
}

inline void gemm(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                 uint32_t row_end, float* y, size_t y_stride, void* /*scratch*/) {
  for (uint32_t row = row_begin; row < row_end; row += kRowLanes) {
    uint32_t token = 0;
    for (; token + kBlockTokens <= x.m; token += kBlockTokens) {
      multiply_block<kBlockTokens>(w, x, token, row, row_end, y, y_stride);
    }
    for (; token < x.m; ++token) multiply_block<1>(w, x, token, row, row_end, y, y_stride);
  }
}

inline void gemv(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                 uint32_t row_end, float* y, size_t y_stride) {
  if (x.m == 1) return gemv_1(w, x, row_begin, row_end, y);
  gemm(w, x, row_begin, row_end, y, y_stride, nullptr);
}

inline size_t gemm_scratch_bytes(uint32_t /*k_padded*/) { return 0; }

const TernaryKernels kBlocksKernels = {TernaryLayout::kBlocks16,
                                       kRowLanes,
                                       kDirect,
                                       1,
                                       pack,
                                       nullptr,
                                       gemv,
                                       gemm,
                                       gemm_scratch_bytes,
                                       multiply_grouped<BlockSteps, TernaryLayout::kBlocks16>,
                                       multiply_grouped<FloatSteps, TernaryLayout::kBlocks16>};
const TernaryKernels* const kTernary[] = {&kBlocksKernels, nullptr};
