#pragma once

#include <string>
#include <vector>

#include "kernels/kernel_table.h"

namespace bitnet {

/// All targets of this build, most capable first; scalar is last.
const std::vector<const KernelTable*>& kernel_targets();

/// True when this CPU has every feature that the target requires.
bool kernel_runnable(const KernelTable& target);

/// A target with every inherited slot filled in.
struct Kernels {
  KernelTable table;
  /// The target's own ternary kernels, then its ancestors', best first.
  std::vector<const TernaryKernels*> ternary;
  const char* reason;  ///< one clause: why this target
};

/// The target named by BITNET_KERNEL, else the most capable one that runs here.
/// Throws Error kUnsupported when the named target does not exist or cannot run.
Kernels select_kernels();

/// A target by name, with inheritance resolved; for tests.
Kernels select_kernels(const std::string& name);

}  // namespace bitnet
