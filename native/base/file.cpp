#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace bitnet {
namespace {

// Linux transfers at most 0x7ffff000 bytes per call; stay well below on every system.
constexpr size_t kMaxTransfer = size_t{1} << 30;

Error unreadable(const std::string& path, const char* reason) {
  return Error(ErrorCode::kNotFound, "cannot read " + path + ": " + reason);
}

}  // namespace

File::File(const std::string& path) : path_(path) {
  descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) throw unreadable(path, std::strerror(errno));
  struct stat info = {};
  if (fstat(descriptor_, &info) != 0 || !S_ISREG(info.st_mode)) {
    close(descriptor_);
    throw unreadable(path, "not a regular file");
  }
  size_ = static_cast<uint64_t>(info.st_size);
}

File::~File() {
  if (descriptor_ >= 0) close(descriptor_);
}

File::File(File&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_) {}

void File::read_at(uint64_t offset, void* out, size_t bytes) const {
  auto* to = static_cast<uint8_t*>(out);
  while (bytes > 0) {
    const ssize_t got =
        pread(descriptor_, to, std::min(bytes, kMaxTransfer), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw unreadable(path_, std::strerror(errno));
    if (got == 0) {
      throw Error(ErrorCode::kModelFormat,
                  path_ + " is truncated: it ends before byte " + std::to_string(offset + bytes));
    }
    to += got;
    offset += static_cast<uint64_t>(got);
    bytes -= static_cast<size_t>(got);
  }
}

MappedFile::MappedFile(const File& file) : size_(file.size()) {
  if (size_ == 0) return;
  void* mapped = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.descriptor_, 0);
  if (mapped == MAP_FAILED) {
    throw Error(ErrorCode::kResource, "cannot map " + file.path() + ": " + std::strerror(errno),
                "run without --mmap");
  }
  data_ = static_cast<const uint8_t*>(mapped);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<uint8_t*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(other.size_) {}

}  // namespace bitnet
