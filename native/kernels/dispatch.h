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
  /// The target's own ternary kernels, then its ancestors', best first. Never empty, and the last
  /// take kRows: scalar's.
  std::vector<const TernaryKernels*> ternary;
  const char* reason;  ///< one clause: why this target
};

/// The target named by BITNET_KERNEL, else the most capable one that runs here.
/// Throws Error kUnsupported when the named target does not exist or cannot run.
Kernels select_kernels();

/// A target by name, with inheritance resolved; for tests.
Kernels select_kernels(const std::string& name);

/// The same for a table that is not among the targets of this build; for tests.
Kernels resolve_kernels(const KernelTable& target, const char* reason);

/// How a ternary matrix is to lie in memory.
enum class WeightForm : uint8_t {
  kFast,     ///< in 2 bits a weight, as the target's best kernels want it
  kCompact,  ///< in 1.6 bits, where the target has such kernels; else fast
  kInPlace,  ///< in the order of files
};

/// The first kernels that take the form.
const TernaryKernels& choose_ternary(const Kernels& kernels, WeightForm form);

/// True when the target has kernels for the compact form.
bool has_compact(const Kernels& kernels);

}  // namespace bitnet
