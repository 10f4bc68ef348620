#pragma once

#include <string>
#include <vector>

#include "kernels/dispatch.h"

namespace bitnet::selftest {

/// The targets that run on this CPU, most capable first, inherited slots filled in. The first call
/// names the others and why they are skipped. Throws when none is left.
const std::vector<Kernels>& runnable_targets();

/// The target that all others must equal bit by bit.
const KernelTable& scalar_target();

struct NamedTernary {
  std::string name;  ///< of the first target that has them
  const TernaryKernels* kernels;
};

/// The ternary kernels of all runnable targets, each once.
const std::vector<NamedTernary>& runnable_ternary_kernels();

}  // namespace bitnet::selftest
