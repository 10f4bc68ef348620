// Any 64-bit ARM CPU: byte products by SMULL, widened in pairs.

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/kernel_table.h"

namespace bitnet {
namespace {

#include "kernels/arm/neon-inl.h"

inline void dot4_add(int32x4_t& sum, int8x16_t a, int8x16_t b) {
  const int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(b));
  const int16x8_t high = vmull_high_s8(a, b);
  sum = vaddq_s32(sum, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
}
inline void dot4_add(int32x4_t& sum, uint8x16_t codes, int8x16_t q) {
  dot4_add(sum, vreinterpretq_s8_u8(codes), q);
}

#include "kernels/arm/neon_products-inl.h"

}  // namespace

const KernelTable kNeonTable = {"neon", kCpuNeon, &kScalarTable, kTernary, BITNET_GENERIC_SLOTS};

}  // namespace bitnet
