// ARMv8.6 with int8 matrix products: SMMLA multiplies two rows of eight bytes by two of
// activations. A single activation row takes SDOT, as half of each product would be lost.

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/kernel_table.h"

namespace bitnet {
namespace {

#include "kernels/arm/neon-inl.h"

inline void dot4_signed(int32x4_t& sum, int8x16_t a, int8x16_t b) { sum = vdotq_s32(sum, a, b); }
inline void dot4_mixed(int32x4_t& sum, uint8x16_t a, int8x16_t b) { sum = vusdotq_s32(sum, a, b); }
inline void dot4_add(int32x4_t& sum, uint8x16_t codes, int8x16_t q) { dot4_mixed(sum, codes, q); }

#include "kernels/arm/neon_products-inl.h"
//
#include "kernels/arm/neon_quads16-inl.h"
#include "kernels/arm/neon_sdot-inl.h"

// ---------------------------------------------------------------- ternary

constexpr uint32_t kDirectTokens = 4;

// Rows 0 and 1, or 2 and 3, of eight columns from two vectors of four.
inline int8x16_t zip_low(int8x16_t a, int8x16_t b) {
  return vreinterpretq_s8_s32(vzip1q_s32(vreinterpretq_s32_s8(a), vreinterpretq_s32_s8(b)));
}
inline int8x16_t zip_high(int8x16_t a, int8x16_t b) {
  return vreinterpretq_s8_s32(vzip2q_s32(vreinterpretq_s32_s8(a), vreinterpretq_s32_s8(b)));
}

/// 16 columns of two activation rows: eight of the first, then of the second.
struct PairLine {
  int8x16_t low, high;
};
inline PairLine load_pair(const int8_t* first, const int8_t* second) {
  const int64x2_t a = vreinterpretq_s64_s8(load_x(first));
  const int64x2_t b = vreinterpretq_s64_s8(load_x(second));
  return {vreinterpretq_s8_s64(vzip1q_s64(a, b)), vreinterpretq_s8_s64(vzip2q_s64(a, b))};
}

/// Sums of two activation rows: part f of `low` is of rows 4f and 4f + 1, of `high` of the two that
/// follow. Lanes are [row][activation row].
struct PairSums {
  I32x16 low, high;
};
inline PairSums no_sums() { return {set1_i32(0), set1_i32(0)}; }

template <uint32_t... f>
inline I32x16 sums_of_first(const PairSums& sums, Indices<f...> /*fields*/) {
  return {{vuzp1q_s32(sums.low.part[f], sums.high.part[f])...}};
}
template <uint32_t... f>
inline I32x16 sums_of_second(const PairSums& sums, Indices<f...> /*fields*/) {
  return {{vuzp2q_s32(sums.low.part[f], sums.high.part[f])...}};
}

/// Adds eight columns of two rows of each field.
inline void add_products(const Fields& fields, int8x16_t q, I32x16& sum) {
  for (int f = 0; f < 4; ++f) sum.part[f] = vmmlaq_s32(sum.part[f], fields.part[f], q);
  pin(sum);
}

template <uint32_t... p>
inline void multiply_pairs(const uint8_t* block, const int8_t* q, size_t q_stride, uint32_t n_lines,
                           I32x16* dots, Indices<p...> /*pairs*/) {
  constexpr uint32_t n = sizeof...(p);
  FieldMasks masks;
  PairSums sums[n] = {(static_cast<void>(p), no_sums())...};
  for (const int8_t* end = q + size_t{n_lines} * kLineColumns; q != end;
       q += kLineColumns, block += 64) {
    const Line line = load_line(block);
    const PairLine x[n] = {load_pair(q + 2 * p * q_stride, q + (2 * p + 1) * q_stride)...};
    const Fields first = fields_of(zip_low(line.part[0], line.part[1]), masks, sums[0].low);
    (add_products(first, x[p].low, sums[p].low), ...);
    const Fields second = fields_of(zip_high(line.part[0], line.part[1]), masks, sums[0].high);
    (add_products(second, x[p].low, sums[p].high), ...);
    const Fields third = fields_of(zip_low(line.part[2], line.part[3]), masks, sums[0].low);
    (add_products(third, x[p].high, sums[p].low), ...);
    const Fields fourth = fields_of(zip_high(line.part[2], line.part[3]), masks, sums[0].high);
    (add_products(fourth, x[p].high, sums[p].high), ...);
  }
  constexpr Indices<0, 1, 2, 3> kFields;
  ((dots[2 * p] = dots_of_fields(sums_of_first(sums[p], kFields)),
    dots[2 * p + 1] = dots_of_fields(sums_of_second(sums[p], kFields))),
   ...);
}

template <uint32_t turn>
inline void multiply_lines(const uint8_t* block, const int8_t* q, size_t q_stride, uint32_t n_lines,
                           I32x16 (&dots)[2], Indices<0, 1> /*tokens*/) {
  multiply_pairs(block, q, q_stride, n_lines, dots, Indices<0>());
}
template <uint32_t turn>
inline void multiply_lines(const uint8_t* block, const int8_t* q, size_t q_stride, uint32_t n_lines,
                           I32x16 (&dots)[4], Indices<0, 1, 2, 3> /*tokens*/) {
  multiply_pairs(block, q, q_stride, n_lines, dots, Indices<0, 1>());
}

#include "kernels/arm/neon_direct-inl.h"

// gemm: a panel is [k/8][low, high][4 fields][2 rows][8], a tile [k/8][3 pairs][2][8]: 24
// accumulators, 4 codes, 3 for the activations.
constexpr uint32_t kStepColumns = 8;

inline void unpack_panel(const TernaryMatrix& w, uint32_t row, uint8_t* panel) {
  const uint8_t* block = w.data + size_t{row} * (w.k_padded / 4);
  for (uint32_t k = 0; k < w.k_padded; k += kLineColumns, block += 64) {
    const Line line = load_line(block);
    for (int i = 0; i < 4; i += 2, panel += 128) {
      store_fields(trits_and_codes(zip_low(line.part[i], line.part[i + 1])), panel);
      store_fields(trits_and_codes(zip_high(line.part[i], line.part[i + 1])), panel + 64);
    }
  }
}

template <uint32_t... p>
inline void multiply_tile(const uint8_t* panel, const int8_t* tile, uint32_t k_padded,
                          I32x16 (&total)[2 * sizeof...(p)], Indices<p...> /*pairs*/) {
  PairSums sums[sizeof...(p)] = {(static_cast<void>(p), no_sums())...};
  for (uint32_t k = 0; k < k_padded; k += kStepColumns, panel += 128, tile += 48) {
    const int8x16_t x[sizeof...(p)] = {load_x(tile + 16 * p)...};
    const Fields low = load_fields(panel);
    (add_products(low, x[p], sums[p].low), ...);
    const Fields high = load_fields(panel + 64);
    (add_products(high, x[p], sums[p].high), ...);
  }
  constexpr Indices<0, 1, 2, 3> kFields;
  ((total[2 * p] = sums_of_first(sums[p], kFields),
    total[2 * p + 1] = sums_of_second(sums[p], kFields)),
   ...);
}
inline void multiply_tile(const uint8_t* panel, const int8_t* tile, uint32_t k_padded,
                          I32x16 (&total)[6]) {
  multiply_tile(panel, tile, k_padded, total, Indices<0, 1, 2>());
}

#include "kernels/arm/neon_panel-inl.h"

}  // namespace

const KernelTable kNeonI8mmTable = {"neon_i8mm", kCpuNeon | kCpuDotprod | kCpuI8mm,
                                    &kNeonDotprodTable, kTernary, BITNET_GENERIC_SLOTS};

}  // namespace bitnet
