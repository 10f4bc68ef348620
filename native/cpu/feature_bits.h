#pragma once

#include <stdint.h>

namespace bitnet {

/// Instruction-set features, as bits of a uint64_t. Kernel targets state what they need with these.
enum CpuFeature : uint64_t {
  kCpuAvx2 = 1ull << 0,
  kCpuFma = 1ull << 1,
  kCpuF16c = 1ull << 2,
  kCpuAvxVnni = 1ull << 3,
  kCpuAvx512f = 1ull << 4,
  kCpuAvx512bw = 1ull << 5,
  kCpuAvx512dq = 1ull << 6,
  kCpuAvx512vl = 1ull << 7,
  kCpuAvx512vnni = 1ull << 8,
  kCpuAvx512bf16 = 1ull << 9,
  kCpuAmxTile = 1ull << 10,
  kCpuAmxInt8 = 1ull << 11,
  kCpuAmxBf16 = 1ull << 12,
  kCpuAvx512vbmi = 1ull << 13,
  kCpuNeon = 1ull << 32,
  kCpuDotprod = 1ull << 33,
  kCpuI8mm = 1ull << 34,
};

}  // namespace bitnet
