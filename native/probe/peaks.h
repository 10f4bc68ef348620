#pragma once

#include <cstdint>

namespace bitnet::probe {

/// A loop over one instruction with operands in registers and chains enough to hide its latency.
struct PeakLoop {
  void (*run)(uint64_t n_loops) = nullptr;
  double operations = 0.0;  ///< multiplications and additions per loop
};

struct PeakLoops {
  PeakLoop int8;
  PeakLoop f32;
};

/// Empty loops for targets that have none here.
PeakLoops peak_loops(const char* target);

}  // namespace bitnet::probe
