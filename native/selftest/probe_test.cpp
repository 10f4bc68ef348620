// Bounds that measurements are held against.

#include "probe/probes.h"

#include <string>

#include "kernels/dispatch.h"
#include "probe/peaks.h"
#include "probe/perf_counter.h"
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

BITNET_TEST(probe_perf_counter) {
  constexpr uint32_t kNoType = 0x7fffffff;
  probe::PerfCounter counter;
  CHECK(counter.open(kNoType, 0, 0) != 0);
  CHECK_EQ(counter.read(), uint64_t{0});
#if defined(__linux__)
  constexpr uint32_t kSoftware = 1;                // and its event 0 is the clock of the CPU
  if (counter.open(kSoftware, 0, 0) != 0) return;  // not permitted, or no such subsystem
  const uint64_t before = counter.read();
  uint64_t after = before;
  while (after == before) after = counter.read();
  CHECK(after > before);
  counter.close();
  CHECK_EQ(counter.read(), uint64_t{0});
#endif
}

}  // namespace
}  // namespace bitnet::selftest
