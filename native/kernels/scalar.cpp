// The portable target: every other target must give the same bits. Written for clarity; the
// vocabulary is arrays of 16 floats that any compiler can vectorise for the baseline CPU.

#include <stddef.h>
#include <stdint.h>

#include "base/half.h"
#include "kernels/kernel_table.h"

namespace bitnet {
namespace {

// ---------------------------------------------------------------- vocabulary

struct F32x16 {
  float lane[16];
};
struct I32x16 {
  int32_t lane[16];
};

inline float fma_f32(float a, float b, float c) {
#if defined(__aarch64__) || defined(__FMA__)
  return __builtin_fmaf(a, b, c);
#else
  // No fused instruction on the baseline CPU, and the C library's emulation is slow. The product of
  // two floats is exact in double; the sum is rounded to odd there, so that the final rounding to
  // float is the only one that counts (Boldo and Melquiond, "Emulation of FMA", 2008).
  const double product = static_cast<double>(a) * static_cast<double>(b);
  const double addend = static_cast<double>(c);
  double sum = product + addend;
  const double back = sum - product;
  const double error = (product - (sum - back)) + (addend - back);
  if (error > 0.0 || error < 0.0) {
    uint64_t bits;
    __builtin_memcpy(&bits, &sum, sizeof bits);
    if ((bits & 1) == 0) {
      bits = (error > 0.0) == (sum > 0.0) ? bits + 1 : bits - 1;
      __builtin_memcpy(&sum, &bits, sizeof bits);
    }
  }
  return static_cast<float>(sum);
#endif
}

template <class Op>
inline F32x16 each_lane(Op op) {
  F32x16 result;
  for (int i = 0; i < 16; ++i) result.lane[i] = op(i);
  return result;
}

inline F32x16 load(const float* p) {
  return each_lane([&](int i) { return p[i]; });
}
inline void store(const F32x16& v, float* p) {
  for (int i = 0; i < 16; ++i) p[i] = v.lane[i];
}
inline F32x16 load_f16(const uint16_t* p) {
  return each_lane([&](int i) { return f16_to_f32(p[i]); });
}
inline F32x16 load_bf16(const uint16_t* p) {
  return each_lane([&](int i) { return bf16_to_f32(p[i]); });
}
inline F32x16 load_bf16_even(const uint16_t* p) {
  return each_lane([&](int i) { return bf16_to_f32(p[2 * i]); });
}
inline F32x16 load_bf16_odd(const uint16_t* p) {
  return each_lane([&](int i) { return bf16_to_f32(p[2 * i + 1]); });
}
inline F32x16 set1(float x) {
  return each_lane([&](int) { return x; });
}
inline F32x16 zero() { return set1(0.0f); }
inline F32x16 add(const F32x16& a, const F32x16& b) {
  return each_lane([&](int i) { return a.lane[i] + b.lane[i]; });
}
inline F32x16 sub(const F32x16& a, const F32x16& b) {
  return each_lane([&](int i) { return a.lane[i] - b.lane[i]; });
}
inline F32x16 mul(const F32x16& a, const F32x16& b) {
  return each_lane([&](int i) { return a.lane[i] * b.lane[i]; });
}
inline F32x16 div(const F32x16& a, const F32x16& b) {
  return each_lane([&](int i) { return a.lane[i] / b.lane[i]; });
}
inline F32x16 fma(const F32x16& a, const F32x16& b, const F32x16& c) {
  return each_lane([&](int i) { return fma_f32(a.lane[i], b.lane[i], c.lane[i]); });
}
inline F32x16 neg_fma(const F32x16& a, const F32x16& b, const F32x16& c) {
  return each_lane([&](int i) { return fma_f32(-a.lane[i], b.lane[i], c.lane[i]); });
}
inline F32x16 neg(const F32x16& a) {
  return each_lane([&](int i) { return -a.lane[i]; });
}
inline F32x16 abs(const F32x16& a) {
  return each_lane([&](int i) { return __builtin_fabsf(a.lane[i]); });
}
// As MAXPS and MINPS: the second operand when the comparison does not hold.
inline float fold_sum(F32x16 v) {
  for (int width = 8; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) v.lane[i] += v.lane[i + width];
  }
  return v.lane[0];
}
inline F32x16 max(const F32x16& a, const F32x16& b) {
  return each_lane([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
}
inline F32x16 min(const F32x16& a, const F32x16& b) {
  return each_lane([&](int i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
}
inline float max_lane(F32x16 v) {
  for (int width = 8; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) {
      v.lane[i] = v.lane[i] > v.lane[i + width] ? v.lane[i] : v.lane[i + width];
    }
  }
  return v.lane[0];
}
inline F32x16 pow2(const F32x16& n) {
  return each_lane([&](int i) {
    const uint32_t bits = static_cast<uint32_t>(static_cast<int32_t>(n.lane[i]) + 127) << 23;
    float result;
    __builtin_memcpy(&result, &bits, sizeof result);
    return result;
  });
}
/// value where x >= limit, else 0.
inline F32x16 zero_below(const F32x16& x, const F32x16& limit, const F32x16& value) {
  return each_lane([&](int i) { return x.lane[i] >= limit.lane[i] ? value.lane[i] : 0.0f; });
}
inline F32x16 round_bf16(const F32x16& v) {
  return each_lane([&](int i) { return bf16_to_f32(f32_to_bf16(v.lane[i])); });
}
inline F32x16 halves(float low, float high) {
  return each_lane([&](int i) { return i < 8 ? low : high; });
}
inline void store_i8(const F32x16& v, int8_t* p) {
  for (int i = 0; i < 16; ++i) {
    const float number = v.lane[i] == v.lane[i] ? v.lane[i] : 0.0f;
    const float rounded = (number + 12582912.0f) - 12582912.0f;
    p[i] = static_cast<int8_t>(rounded > 127.0f ? 127 : rounded < -128.0f ? -128 : rounded);
  }
}
inline void store_u8(const F32x16& v, uint8_t* p) {
  for (int i = 0; i < 16; ++i) {
    p[i] = static_cast<uint8_t>((v.lane[i] + 12582912.0f) - 12582912.0f);
  }
}
inline I32x16 set1_i32(int32_t x) {
  I32x16 result;
  for (int i = 0; i < 16; ++i) result.lane[i] = x;
  return result;
}
inline F32x16 to_f32(const I32x16& v) {
  return each_lane([&](int i) { return static_cast<float>(v.lane[i]); });
}
inline float sqrt_f32(float x) { return __builtin_sqrtf(x); }
inline float ceil_f32(float x) { return __builtin_ceilf(x); }
inline void prefetch(const void* p, size_t ahead) {
  __builtin_prefetch(static_cast<const uint8_t*>(p) + ahead);
}
inline void prefetch_l2(const void* p) { __builtin_prefetch(p, 0, 2); }

/// The 6-bit code of element e (0..255) of a Q6_K block.
inline int32_t q6_code(const uint8_t* block, int e) {
  const int half = e / 128;
  const int in_half = e % 128;
  const uint8_t low = block[64 * half + in_half % 64];
  const uint8_t high = block[128 + 32 * half + in_half % 32];
  return (low >> (in_half / 64 * 4) & 15) | (high >> (in_half / 32 * 2) & 3) << 4;
}

template <uint32_t m>
inline void q6_k_lanes(const uint8_t* block, const uint8_t* q, size_t q_stride,
                       I32x16 (&lanes)[m]) {
  for (uint32_t t = 0; t < m; ++t, q += q_stride) {
    lanes[t] = {};
    for (int e = 0; e < 256; ++e) {
      const auto scale = static_cast<int8_t>(block[192 + e / 16]);
      lanes[t].lane[e % 64 / 16 * 4 + e / 64 % 2 * 2 + e % 16 / 8] +=
          scale * (q6_code(block, e) - 32) * (q[e] - 128);
    }
  }
}

template <uint32_t m>
inline void q8_0_lanes(const uint8_t* a, const uint8_t* b, const uint8_t* q, size_t q_stride,
                       I32x16 (&lanes)[m]) {
  for (uint32_t t = 0; t < m; ++t, q += q_stride) {
    lanes[t] = {};
    for (int e = 0; e < 64; ++e) {
      const uint8_t w = e < 32 ? a[e] : b[e - 32];
      lanes[t].lane[e / 4] += static_cast<int8_t>(w) * (q[e] - 128);
    }
  }
}

struct Codes {
  const uint8_t* bytes;
};
inline Codes load_codes(const uint8_t* p) { return {p}; }
inline void dot4_add(I32x16& sum, Codes codes, const int8_t* q) {
  for (int r = 0; r < 16; ++r) {
    for (int i = 0; i < 4; ++i) sum.lane[r] += codes.bytes[4 * r + i] * q[i];
  }
}
inline F32x16 trits(Codes codes, uint32_t i) {
  return each_lane([&](int r) {
    return static_cast<float>(codes.bytes[4 * static_cast<uint32_t>(r) + i]) - 1.0f;
  });
}
inline void unpack_group(const TernaryMatrix& w, uint32_t row, uint32_t row_end, uint32_t g,
                         uint8_t* out) {
  for (uint32_t r = 0; r < 16; ++r) {
    const uint32_t at = row + r < row_end ? row + r : row_end - 1;
    const uint8_t* group = w.data + size_t{at} * (w.k_padded / 4) + size_t{g} * 32;
    for (uint32_t k = 0; k < kTernaryGroup; ++k) {
      out[k / 4 * 64 + 4 * r + k % 4] =
          static_cast<uint8_t>(group[k % 32] >> (6 - 2 * (k / 32)) & 3);
    }
  }
}

using Dots = I32x16;
using Bytes = Codes;
inline Bytes load_keys(const uint8_t* p) { return {p}; }
inline Bytes load_values(const uint8_t* p) { return {p}; }
inline Dots dots_of(int32_t start) { return set1_i32(start); }
template <class Code>
inline void add_bytes(Dots& dots, const Bytes& b, const Code* four) {
  for (int r = 0; r < 16; ++r) {
    for (int i = 0; i < 4; ++i) {
      dots.lane[r] += static_cast<int8_t>(b.bytes[4 * r + i]) * four[i];
    }
  }
}
inline void add_keys(Dots& dots, Bytes keys, const int8_t* four) { add_bytes(dots, keys, four); }
inline void add_values(Dots& dots, Bytes values, const uint8_t* four) {
  add_bytes(dots, values, four);
}
constexpr int32_t kKeyBias = 0;

constexpr uint32_t kBlockTokens = 1;
constexpr uint32_t kHeadTokens = 1;
constexpr uint32_t kFloatHeadTokens = 1;
constexpr uint32_t kAttentionRows = 1;
constexpr uint32_t kAttentionBlocks = 1;
constexpr uint32_t kPairedRows = 1;
constexpr uint32_t kByteRows = 1;
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

// ---------------------------------------------------------------- ternary, file order

inline int32_t dot_row(const uint8_t* row, const int8_t* q, uint32_t k_padded) {
  int32_t sum = 0;
  for (uint32_t g = 0; g < k_padded; g += kTernaryGroup, row += 32, q += kTernaryGroup) {
    for (int j = 0; j < 32; ++j) {
      const int32_t codes = row[j];
      sum += (codes >> 6) * q[j] + (codes >> 4 & 3) * q[32 + j] + (codes >> 2 & 3) * q[64 + j] +
             (codes & 3) * q[96 + j];
    }
  }
  return sum;
}

void multiply(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin, uint32_t row_end,
              float* y, size_t y_stride) {
  for (uint32_t r = row_begin; r < row_end; ++r) {
    const uint8_t* row = w.data + size_t{r} * (w.k_padded / 4);
    for (uint32_t i = 0; i < x.m; ++i) {
      const int32_t dot = dot_row(row, x.q + i * x.q_stride, w.k_padded) - x.sum[i];
      y[i * y_stride + r] = static_cast<float>(dot) * (w.row_scales[r] / x.scale[i]);
    }
  }
}

void multiply_many(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                   uint32_t row_end, float* y, size_t y_stride, void* /*scratch*/) {
  multiply(w, x, row_begin, row_end, y, y_stride);
}

size_t no_scratch(uint32_t /*k_padded*/) { return 0; }

const TernaryKernels kRowsKernels = {TernaryLayout::kRows,
                                     1,
                                     1,
                                     1,
                                     nullptr,
                                     nullptr,
                                     multiply,
                                     multiply_many,
                                     no_scratch,
                                     multiply_grouped<BlockSteps, TernaryLayout::kRows>,
                                     multiply_grouped<FloatSteps, TernaryLayout::kRows>};
const TernaryKernels* const kTernary[] = {&kRowsKernels, nullptr};

}  // namespace

const KernelTable kScalarTable = {"scalar", 0, nullptr, kTernary, BITNET_GENERIC_SLOTS};

}  // namespace bitnet
