#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace bitnet {

/// A file opened for reading at any offset, from several threads at once.
class File {
 public:
  /// Throws Error kNotFound when the file is missing or cannot be read.
  explicit File(const std::string& path);
  ~File();
  File(File&& other) noexcept;
  File& operator=(File&&) = delete;
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  uint64_t size() const noexcept { return size_; }
  const std::string& path() const noexcept { return path_; }
  /// Fills `out` from `offset`. Throws Error kModelFormat when the file ends before, kNotFound on
  /// a read error.
  void read_at(uint64_t offset, void* out, size_t bytes) const;

 private:
  friend class MappedFile;
  std::string path_;
  int descriptor_ = -1;
  uint64_t size_ = 0;
};

/// A whole file mapped read-only. The caller checks ranges against `size()` beforehand; a file that
/// is truncated while mapped kills the process, which is why mapping is opt-in.
class MappedFile {
 public:
  explicit MappedFile(const File& file);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const uint8_t* data() const noexcept { return data_; }
  uint64_t size() const noexcept { return size_; }

 private:
  const uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace bitnet
