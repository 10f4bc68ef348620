// Bounds that measurements are held against.

#include "probe/probes.h"

#include <string>

#include "kernels/dispatch.h"
#include "probe/peaks.h"
#include "selftest/support.h"

namespace bitnet::selftest {
namespace {

constexpr size_t kBytes = size_t{4} << 20;

BITNET_TEST(probe_limits) {
  for (const KernelTable* target : kernel_targets()) {
    if (!kernel_runnable(*target)) continue;
    const char* name = target->name;
    const bool known = probe::peak_loops(name).int8.run != nullptr;
    // Every target but scalar has loops, and scalar has no instruction to measure.
    CHECK_EQ(known, std::string(name) != "scalar");
    const probe::MachineLimits limits = probe::machine_limits(name, 2, kBytes);
    CHECK(limits.read_bandwidth > 0.0);
    CHECK_EQ(limits.peak.int8 > 0.0, known);
    CHECK_EQ(limits.peak.f32 > 0.0, known);
  }
}

}  // namespace
}  // namespace bitnet::selftest
