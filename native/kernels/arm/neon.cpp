// Any 64-bit ARM CPU: byte products by SMULL, widened in pairs.

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

}  // namespace

const KernelTable kNeonTable = {"neon", kCpuNeon, &kScalarTable, kTernary, BITNET_GENERIC_SLOTS};

}  // namespace bitnet
