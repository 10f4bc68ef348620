#include "probe/perf_counter.h"

#include <cerrno>

#if defined(__linux__)
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace bitnet::probe {

#if defined(__linux__)

int PerfCounter::open(uint32_t type, uint64_t config, int cpu) noexcept {
  close();
  perf_event_attr attr = {};
  attr.size = sizeof attr;
  attr.type = type;
  attr.config = config;
  constexpr int kEveryProcess = -1;
  constexpr int kNoGroup = -1;
  const long fd =
      syscall(SYS_perf_event_open, &attr, kEveryProcess, cpu, kNoGroup, PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) return errno;
  fd_ = static_cast<int>(fd);
  return 0;
}

uint64_t PerfCounter::read() const noexcept {
  uint64_t count = 0;
  if (fd_ < 0 || ::read(fd_, &count, sizeof count) != sizeof count) return 0;
  return count;
}

void PerfCounter::close() noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

#else

int PerfCounter::open(uint32_t, uint64_t, int) noexcept { return ENOSYS; }
uint64_t PerfCounter::read() const noexcept { return 0; }
void PerfCounter::close() noexcept {}

#endif

}  // namespace bitnet::probe
