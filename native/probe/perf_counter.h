#pragma once

#include <cstdint>

namespace bitnet::probe {

/// One event of the Linux kernel's perf subsystem on one CPU, whoever runs there.
class PerfCounter {
 public:
  PerfCounter() = default;
  ~PerfCounter() { close(); }
  PerfCounter(const PerfCounter&) = delete;
  PerfCounter& operator=(const PerfCounter&) = delete;

  /// Counts from here on. `type` and `config` are perf_event_attr's. Returns 0 or the system's
  /// error number: ENOSYS where there is no such subsystem.
  int open(uint32_t type, uint64_t config, int cpu) noexcept;
  /// Events since `open`; 0 once closed.
  uint64_t read() const noexcept;
  void close() noexcept;

 private:
  int fd_ = -1;
};

}  // namespace bitnet::probe
