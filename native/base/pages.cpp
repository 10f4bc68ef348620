#include "base/pages.h"

#include <sys/mman.h>

#include <cinttypes>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "base/error.h"

namespace bitnet {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

size_t round_to_page(size_t bytes) { return (bytes + kHugePage - 1) / kHugePage * kHugePage; }

}  // namespace

PageBlock::PageBlock(size_t bytes) {
  if (bytes == 0) return;
  if (bytes > SIZE_MAX - 2 * kHugePage) throw Error(ErrorCode::kResource, "allocation too large");
  const size_t wanted = round_to_page(bytes);
  // One huge page more than needed, so that the start can be aligned; the slack is given back.
  const size_t reserved = wanted + kHugePage;
  void* raw = mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) {
    throw Error(ErrorCode::kResource,
                "out of memory: " + std::to_string(wanted >> 20) + " MB could not be reserved");
  }
  auto* base = static_cast<uint8_t*>(raw);
  const size_t skip = (kHugePage - reinterpret_cast<uintptr_t>(base) % kHugePage) % kHugePage;
  if (skip > 0) munmap(base, skip);
  if (kHugePage - skip > 0) munmap(base + skip + wanted, kHugePage - skip);
  data_ = base + skip;
  bytes_ = wanted;
#ifdef MADV_HUGEPAGE
  // Small blocks stay on small pages: a zeroed 2 MB page would only cost memory.
  if (bytes >= kHugePage) madvise(data_, bytes_, MADV_HUGEPAGE);
#endif
}

PageBlock::~PageBlock() {
  if (data_ != nullptr) munmap(data_, bytes_);
}

PageBlock::PageBlock(PageBlock&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

PageBlock& PageBlock::operator=(PageBlock&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

size_t PageBlock::huge_bytes() const {
  const auto close = [](std::FILE* file) { std::fclose(file); };
  std::unique_ptr<std::FILE, decltype(close)> smaps(std::fopen("/proc/self/smaps", "r"), close);
  if (!smaps) return 0;
  const auto begin = reinterpret_cast<uintptr_t>(data_);
  const uintptr_t end = begin + bytes_;
  char line[512];
  bool inside = false;
  size_t huge = 0;
  while (std::fgets(line, sizeof line, smaps.get()) != nullptr) {
    uintptr_t from = 0;
    uintptr_t to = 0;
    size_t kilobytes = 0;
    if (std::sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2) {
      inside = from < end && to > begin;
    } else if (inside && std::sscanf(line, "AnonHugePages: %zu kB", &kilobytes) == 1) {
      huge += kilobytes << 10;
    }
  }
  return huge < bytes_ ? huge : bytes_;
}

uint8_t* PageArena::take(size_t bytes) {
  const size_t rounded = round_up(bytes);
  if (rounded < bytes || rounded > block_.bytes() - used_) {
    throw Error(ErrorCode::kResource,
                "memory plan exceeded by a request of " + std::to_string(bytes) + " bytes");
  }
  uint8_t* piece = block_.data() + used_;
  used_ += rounded;
  return piece;
}

}  // namespace bitnet
