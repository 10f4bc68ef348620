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

}  // namespace

const KernelTable kNeonDotprodTable = {"neon_dotprod", kCpuNeon | kCpuDotprod, &kNeonTable,
                                       kTernary, BITNET_GENERIC_SLOTS};

}  // namespace bitnet
