// ARMv8.6 with int8 matrix products: USDOT takes the codes as unsigned bytes.

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

}  // namespace

const KernelTable kNeonI8mmTable = {"neon_i8mm", kCpuNeon | kCpuDotprod | kCpuI8mm,
                                    &kNeonDotprodTable, kTernary, BITNET_GENERIC_SLOTS};

}  // namespace bitnet
