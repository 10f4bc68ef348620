// Any 64-bit ARM CPU: byte products by SMULL and SMLAL, which widen to 16 bits.

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/kernel_table.h"

namespace bitnet {
namespace {

#include "kernels/arm/neon-inl.h"

inline void dot4_signed(int32x4_t& sum, int8x16_t a, int8x16_t b) {
  const int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(b));
  const int16x8_t high = vmull_high_s8(a, b);
  sum = vaddq_s32(sum, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
}
inline void dot4_add(int32x4_t& sum, uint8x16_t codes, int8x16_t q) {
  dot4_signed(sum, vreinterpretq_s8_u8(codes), q);
}
inline void dot4_mixed(int32x4_t& sum, uint8x16_t a, int8x16_t b) {
  const int16x8_t a_low = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(a)));
  const int16x8_t a_high = vreinterpretq_s16_u16(vmovl_high_u8(a));
  const int16x8_t b_low = vmovl_s8(vget_low_s8(b));
  const int16x8_t b_high = vmovl_high_s8(b);
  const int32x4_t first =
      vpaddq_s32(vmull_s16(vget_low_s16(a_low), vget_low_s16(b_low)), vmull_high_s16(a_low, b_low));
  const int32x4_t second = vpaddq_s32(vmull_s16(vget_low_s16(a_high), vget_low_s16(b_high)),
                                      vmull_high_s16(a_high, b_high));
  sum = vaddq_s32(sum, vpaddq_s32(first, second));
}

#include "kernels/arm/neon_products-inl.h"
//
#include "kernels/arm/neon_quads16-inl.h"

// ---------------------------------------------------------------- ternary

/// Sums of four columns apart, 16 rows: part f of `low` holds rows 4f and 4f + 1, of `high` the two
/// that follow. All are exact but those of c2, which are fourfold.
struct Sums16 {
  int16x8_t low[4];
  int16x8_t high[4];
};
/// The same of pairs of columns.
struct Sums32 {
  int32x4_t low[4];
  int32x4_t high[4];
};

inline Sums16 no_sums16() {
  const int16x8_t zeros = vdupq_n_s16(0);
  return {{zeros, zeros, zeros, zeros}, {zeros, zeros, zeros, zeros}};
}
inline Sums32 no_sums32() {
  const int32x4_t zeros = vdupq_n_s32(0);
  return {{zeros, zeros, zeros, zeros}, {zeros, zeros, zeros, zeros}};
}

/// As trits_and_codes, with the codes of part 2 fourfold.
inline Fields fields_of(int8x16_t v) {
  Fields fields = trits_and_codes(v);
  fields.part[2] = vandq_s8(v, vdupq_n_s8(0x0c));
  return fields;
}

inline void pin(Sums16& sums) {
  __asm__ volatile(""
                   : "+w"(sums.low[0]), "+w"(sums.low[1]), "+w"(sums.low[2]), "+w"(sums.low[3]),
                     "+w"(sums.high[0]), "+w"(sums.high[1]), "+w"(sums.high[2]),
                     "+w"(sums.high[3]));
}

/// Adds four columns of 16 rows times lane `lane` of q.
template <int lane>
inline void add_columns(const Fields& fields, int8x16_t q, Sums16& sums) {
  const int8x16_t four = vreinterpretq_s8_s32(vdupq_laneq_s32(vreinterpretq_s32_s8(q), lane));
  pin(sums);  // g++ would mask many vectors ahead and spill them
  for (int f = 0; f < 4; ++f) {
    sums.low[f] = vmlal_s8(sums.low[f], vget_low_s8(fields.part[f]), vget_low_s8(four));
    sums.high[f] = vmlal_high_s8(sums.high[f], fields.part[f], four);
  }
}

inline void widen(const Sums16& from, Sums32& to) {
  for (int f = 0; f < 4; ++f) {
    to.low[f] = vpadalq_s16(to.low[f], from.low[f]);
    to.high[f] = vpadalq_s16(to.high[f], from.high[f]);
  }
}

inline I32x16 dots_of_sums(const Sums32& sums) {
  I32x16 dots;
  for (int f = 0; f < 4; ++f) dots.part[f] = vpaddq_s32(sums.low[f], sums.high[f]);
  dots.part[2] = vshrq_n_s32(dots.part[2], 2);
  return dots;
}

constexpr uint32_t kDirectTokens = 2;
/// Lines whose products fit an int16 lane: 32 columns of 8 * -128 apart make -32768.
constexpr uint32_t kLinesPerSum = 8;

template <uint32_t turn, uint32_t... t>
inline void multiply_lines(const uint8_t* block, const int8_t* q, size_t q_stride, uint32_t n_lines,
                           I32x16 (&dots)[sizeof...(t)], Indices<t...> /*tokens*/) {
  constexpr uint32_t m = sizeof...(t);
  static_assert(turn <= kLinesPerSum);
  Sums32 total[m] = {(static_cast<void>(t), no_sums32())...};
  for (uint32_t done = 0; done < n_lines; done += turn) {
    Sums16 sums[m] = {(static_cast<void>(t), no_sums16())...};
    for (uint32_t i = 0; i < turn; ++i, block += 64, q += kLineColumns) {
      const Line line = load_line(block);
      const int8x16_t x[m] = {load_x(q + t * q_stride)...};
      const Fields first = fields_of(line.part[0]);
      (add_columns<0>(first, x[t], sums[t]), ...);
      const Fields second = fields_of(line.part[1]);
      (add_columns<1>(second, x[t], sums[t]), ...);
      const Fields third = fields_of(line.part[2]);
      (add_columns<2>(third, x[t], sums[t]), ...);
      const Fields fourth = fields_of(line.part[3]);
      (add_columns<3>(fourth, x[t], sums[t]), ...);
    }
    (widen(sums[t], total[t]), ...);
  }
  ((dots[t] = dots_of_sums(total[t])), ...);
}

#include "kernels/arm/neon_direct-inl.h"

void gemm(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin, uint32_t row_end,
          float* y, size_t y_stride, void* /*scratch*/) {
  multiply_direct(w, x, row_begin, row_end, y, y_stride);
}

size_t gemm_scratch_bytes(uint32_t /*k_padded*/) { return 0; }

const TernaryKernels kQuadsKernels = {TernaryLayout::kQuads16,
                                      kRowLanes,
                                      kDirectTokens,
                                      1,
                                      pack,
                                      nullptr,
                                      multiply_direct,
                                      gemm,
                                      gemm_scratch_bytes,
                                      multiply_blocks,
                                      multiply_grouped<FloatSteps, TernaryLayout::kQuads16>};
const TernaryKernels* const kTernary[] = {&kQuadsKernels, nullptr};

}  // namespace

const KernelTable kNeonTable = {"neon", kCpuNeon, &kScalarTable, kTernary, BITNET_GENERIC_SLOTS};

}  // namespace bitnet
