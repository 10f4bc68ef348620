// ARMv8.2 with dot products: SDOT adds four byte products into an int32 lane.

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/kernel_table.h"

namespace bitnet {
namespace {

#include "kernels/arm/neon-inl.h"

inline void dot4_signed(int32x4_t& sum, int8x16_t a, int8x16_t b) { sum = vdotq_s32(sum, a, b); }
inline void dot4_mixed(int32x4_t& sum, uint8x16_t a, int8x16_t b) {
  // SDOT takes signed bytes only: twice the upper seven bits and once the lowest.
  const int8x16_t half = vreinterpretq_s8_u8(vshrq_n_u8(a, 1));
  sum = vdotq_s32(vdotq_s32(sum, half, b), half, b);
  sum = vdotq_s32(sum, vreinterpretq_s8_u8(vandq_u8(a, vdupq_n_u8(1))), b);
}
inline void dot4_add(int32x4_t& sum, uint8x16_t codes, int8x16_t q) {
  sum = vdotq_s32(sum, vreinterpretq_s8_u8(codes), q);
}

#include "kernels/arm/neon_products-inl.h"
//
#include "kernels/arm/neon_quads16-inl.h"
#include "kernels/arm/neon_sdot-inl.h"

// ---------------------------------------------------------------- ternary

constexpr uint32_t kDirectTokens = 4;

/// A few activation rows share the fields.
template <uint32_t turn, uint32_t... t>
inline void multiply_lines(const uint8_t* block, const int8_t* q, size_t q_stride, uint32_t n_lines,
                           I32x16 (&dots)[sizeof...(t)], Indices<t...> /*tokens*/) {
  constexpr uint32_t m = sizeof...(t);
  FieldMasks masks;
  I32x16 sum[m] = {(static_cast<void>(t), set1_i32(0))...};
  for (const int8_t* end = q + size_t{n_lines} * kLineColumns; q != end;
       q += kLineColumns, block += 64) {
    const Line line = load_line(block);
    const int8x16_t four[m] = {load_x(q + t * q_stride)...};
    const Fields first = fields_of(line.part[0], masks, sum[0]);
    ((add_columns<0>(first, four[t], sum[t]), pin(sum[t])), ...);
    const Fields second = fields_of(line.part[1], masks, sum[0]);
    ((add_columns<1>(second, four[t], sum[t]), pin(sum[t])), ...);
    const Fields third = fields_of(line.part[2], masks, sum[0]);
    ((add_columns<2>(third, four[t], sum[t]), pin(sum[t])), ...);
    const Fields fourth = fields_of(line.part[3], masks, sum[0]);
    ((add_columns<3>(fourth, four[t], sum[t]), pin(sum[t])), ...);
  }
  ((dots[t] = dots_of_fields(sum[t])), ...);
}

#include "kernels/arm/neon_direct-inl.h"

// gemm: a panel is [k/4][16 rows][4], a tile [k/4][6][4]: 24 accumulators, 4 codes, 2 for the
// activations.
constexpr uint32_t kStepColumns = 4;

inline void unpack_panel(const TernaryMatrix& w, uint32_t row, uint8_t* panel) {
  const uint8_t* block = w.data + size_t{row} * (w.k_padded / 4);
  for (uint32_t k = 0; k < w.k_padded; k += kLineColumns, block += 64) {
    const Line line = load_line(block);
    for (int i = 0; i < 4; ++i, panel += 64) store_fields(trits_and_codes(line.part[i]), panel);
  }
}

template <uint32_t t>
inline void add_token(const Fields& fields, int8x16_t first, int8x8_t last, I32x16& sum) {
  for (int f = 0; f < 4; ++f) {
    if constexpr (t < 4) {
      sum.part[f] = vdotq_laneq_s32(sum.part[f], fields.part[f], first, t);
    } else {
      sum.part[f] = vdotq_lane_s32(sum.part[f], fields.part[f], last, t - 4);
    }
  }
  pin(sum);
}

template <uint32_t... t>
inline void multiply_tile(const uint8_t* panel, const int8_t* tile, uint32_t k_padded,
                          I32x16 (&total)[sizeof...(t)], Indices<t...> /*rows*/) {
  I32x16 sum[sizeof...(t)] = {(static_cast<void>(t), set1_i32(0))...};
  for (uint32_t k = 0; k < k_padded; k += kStepColumns, panel += 64, tile += 24) {
    const Fields fields = load_fields(panel);
    const int8x16_t first = load_x(tile);
    const int8x8_t last = vld1_s8(tile + 16);
    (add_token<t>(fields, first, last, sum[t]), ...);
  }
  ((total[t] = sum[t]), ...);
}
inline void multiply_tile(const uint8_t* panel, const int8_t* tile, uint32_t k_padded,
                          I32x16 (&total)[6]) {
  multiply_tile(panel, tile, k_padded, total, Indices<0, 1, 2, 3, 4, 5>());
}

#include "kernels/arm/neon_panel-inl.h"

}  // namespace

const KernelTable kNeonDotprodTable = {"neon_dotprod", kCpuNeon | kCpuDotprod, &kNeonTable,
                                       kTernary, BITNET_GENERIC_SLOTS};

}  // namespace bitnet
