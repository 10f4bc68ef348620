// AMX: products of tiles of 16 rows of 64 bytes. Int8 tiles take the ternary products of six or
// more activation rows, bf16 tiles the attention of many rows over a bf16 cache; fewer rows, and
// all else, are as for AVX-512 with VNNI and VBMI. Every CPU with int8 tiles has these and bf16
// tiles.
//
// Compiled once more for the self-test, with the tiles in software (BITNET_AMX_MODEL).

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/kernel_table.h"

namespace bitnet {
namespace {

#include "kernels/x86/zmm-inl.h"
//
#include "kernels/generic/lanes-inl.h"
//
#include "kernels/generic/attention-inl.h"
//
#include "kernels/generic/attention_float-inl.h"
#include "kernels/generic/ternary-inl.h"
//
#include "kernels/generic/grouped-inl.h"
#include "kernels/x86/zmm_blocks16-inl.h"
//
#include "kernels/x86/amx-inl.h"
//
#include "kernels/x86/amx_attention-inl.h"
#include "kernels/x86/amx_ternary-inl.h"

/// Of gemm and of multiply_blocks.
size_t scratch_bytes(uint32_t k_padded) {
  const size_t tiles = GemmScratch::bytes(k_padded);
  const size_t chunk = blocks_scratch_bytes(k_padded);
  return tiles > chunk ? tiles : chunk;
}

const TernaryKernels kTileKernels = {TernaryLayout::kBlocks16,
                                     kBlockRows,
                                     kDirectRows,
                                     kTileRows,
                                     pack,
                                     pack_activations,
                                     gemv,
                                     multiply_by_tiles,
                                     scratch_bytes,
                                     multiply_blocks<TernaryLayout::kBlocks16>,
                                     multiply_grouped<FloatSteps, TernaryLayout::kBlocks16>};
const TernaryKernels* const kTernary[] = {&kTileKernels, nullptr};

constexpr uint64_t kVectorFeatures = kCpuAvx2 | kCpuFma | kCpuF16c | kCpuAvx512f | kCpuAvx512bw |
                                     kCpuAvx512dq | kCpuAvx512vl | kCpuAvx512vnni | kCpuAvx512vbmi;

constexpr KernelTable table(const char* name, uint64_t required) {
  KernelTable t = {};
  t.name = name;
  t.required = required;
  t.parent = &kAvx512VbmiTable;
  t.ternary = kTernary;
  t.kv[static_cast<size_t>(KvType::kBF16)].attend = attend_by_tiles;
  return t;
}

}  // namespace

#ifdef BITNET_AMX_MODEL
extern const KernelTable kAmxInt8StandInTable;
const KernelTable kAmxInt8StandInTable =
    table("amx_int8 (software model of its tiles)", kVectorFeatures);
#else
const KernelTable kAmxInt8Table =
    table("amx_int8", kVectorFeatures | kCpuAmxTile | kCpuAmxInt8 | kCpuAmxBf16);
#endif

}  // namespace bitnet
