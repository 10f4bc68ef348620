#pragma once

#include <string>
#include <vector>

#include "kernels/dispatch.h"

namespace bitnet::selftest {

/// The targets that run on this CPU, scalar last, inherited slots filled in; first, where they run,
/// the stand-ins: targets whose code was compiled once more with another way to its instructions.
/// The first call names the stand-ins, and the others and why they are skipped. Throws when none is
/// left.
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
