#include "selftest/targets.h"

#include <algorithm>
#include <stdexcept>

#include "cpu/features.h"
#include "selftest/test.h"

namespace bitnet {

// See kernel_stand_in in CMakeLists.txt.
#if defined(__x86_64__)
extern const KernelTable kAmxInt8StandInTable;
extern const KernelTable kAvxVnniStandInTable;
#endif

namespace selftest {
namespace {

const std::vector<const KernelTable*> kStandIns = {
#if defined(__x86_64__)
    &kAmxInt8StandInTable,
    &kAvxVnniStandInTable,
#endif
};

std::string missing_features(const KernelTable& target) {
  std::string names;
  for (const auto& name : cpu_feature_names(target.required & ~cpu_info().features)) {
    names += (names.empty() ? "" : ", ") + name;
  }
  return names;
}

std::vector<Kernels> find_runnable() {
  std::vector<Kernels> targets;
  for (const KernelTable* stand_in : kStandIns) {
    if (kernel_runnable(*stand_in)) {
      note("stand-in", stand_in->name);
      targets.push_back(resolve_kernels(*stand_in, "a stand-in"));
    } else {
      skip(stand_in->name, "this CPU lacks " + missing_features(*stand_in));
    }
  }
  for (const KernelTable* target : kernel_targets()) {
    if (kernel_runnable(*target)) {
      targets.push_back(select_kernels(target->name));
    } else {
      skip(target->name, "this CPU lacks " + missing_features(*target));
    }
  }
  if (targets.empty()) throw std::runtime_error("no kernel target runs on this CPU");
  return targets;
}

std::vector<NamedTernary> find_ternary() {
  std::vector<NamedTernary> found;
  for (const Kernels& target : runnable_targets()) {
    for (const TernaryKernels* kernels : target.ternary) {
      const bool known = std::any_of(found.begin(), found.end(), [&](const NamedTernary& other) {
        return other.kernels == kernels;
      });
      if (!known) found.push_back({target.table.name, kernels});
    }
  }
  return found;
}

}  // namespace

const std::vector<Kernels>& runnable_targets() {
  static const std::vector<Kernels> targets = find_runnable();
  return targets;
}

const KernelTable& scalar_target() {
  static const Kernels scalar = select_kernels("scalar");
  return scalar.table;
}

const std::vector<NamedTernary>& runnable_ternary_kernels() {
  static const std::vector<NamedTernary> kernels = find_ternary();
  return kernels;
}

}  // namespace selftest
}  // namespace bitnet
