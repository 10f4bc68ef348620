#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cpu/feature_bits.h"

namespace bitnet {

/// What this CPU and this operating system offer together.
struct CpuInfo {
  uint64_t features = 0;  ///< CpuFeature bits; a bit is set only if the OS saves its registers
  std::string brand;
  std::string arch;
};

/// Detected once, at the first call.
const CpuInfo& cpu_info();

/// Lower-case names of the features in `bits`, e.g. {"avx2", "fma"}.
std::vector<std::string> cpu_feature_names(uint64_t bits);

/// The kernel target that the environment asks for (BITNET_KERNEL); empty when it does not.
std::string forced_kernel_name();

}  // namespace bitnet
