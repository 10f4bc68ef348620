// AVX-512 with VNNI: a 16-lane vector is one zmm register, ternary products by VPDPBUSD, which adds
// four products into an int32 lane without overflow. Weights in blocks of 16 rows, so that a lane
// is a row: no sum ever crosses lanes and activations are broadcast.

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/kernel_table.h"

namespace bitnet {
namespace {

#include "kernels/x86/zmm-inl.h"
//
#include "kernels/generic/vector_ops-inl.h"
//
#include "kernels/generic/attention-inl.h"
//
#include "kernels/generic/attention_float-inl.h"
#include "kernels/generic/attention_int8-inl.h"
#include "kernels/generic/head-inl.h"
#include "kernels/generic/ternary-inl.h"
//
#include "kernels/generic/grouped-inl.h"
#include "kernels/generic/table-inl.h"
#include "kernels/x86/zmm_blocks16-inl.h"
#include "kernels/x86/zmm_tiles16-inl.h"
//
#include "kernels/x86/zmm_fives16-inl.h"
//
#include "kernels/x86/zmm_fractions16-inl.h"

inline void unpack_block(const uint8_t* block, uint32_t k_padded, uint8_t* panel) {
  for (uint32_t g = 0; g < k_padded / kTernaryGroup; ++g) {
    unpack_vectors(block + size_t{g} * 512, kPanelBlocks * 64,
                   panel + size_t{g} * kTernaryGroup * kPanelBlocks * kBlockRows);
  }
}

const TernaryKernels kBlocksKernels = {TernaryLayout::kBlocks16,
                                       kBlockRows,
                                       kDirect,
                                       kTile,
                                       pack,
                                       pack_tiles<kTile>,
                                       gemv,
                                       gemm<TernaryLayout::kBlocks16, unpack_block>,
                                       scratch_bytes,
                                       multiply_blocks<TernaryLayout::kBlocks16>,
                                       multiply_grouped<FloatSteps, TernaryLayout::kBlocks16>};
const TernaryKernels* const kTernary[] = {&kBlocksKernels, &kFivesKernels<FractionBytes>, nullptr};

}  // namespace

const KernelTable kAvx512VnniTable = {"avx512vnni",
                                      kCpuAvx2 | kCpuFma | kCpuF16c | kCpuAvx512f | kCpuAvx512bw |
                                          kCpuAvx512dq | kCpuAvx512vl | kCpuAvx512vnni,
                                      &kAvx2Table, kTernary, BITNET_GENERIC_SLOTS};

}  // namespace bitnet
