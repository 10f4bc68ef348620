#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

namespace bitnet::selftest {

/// A file with given content in a new directory; both are gone at the end of the scope.
class TempFile {
 public:
  explicit TempFile(const std::vector<uint8_t>& bytes) {
    const char* parent = std::getenv("TMPDIR");
    directory_ = std::string(parent != nullptr ? parent : "/tmp") + "/bitnet-selftest-XXXXXX";
    if (mkdtemp(directory_.data()) == nullptr) {
      throw std::runtime_error("cannot make a directory like " + directory_);
    }
    path_ = directory_ + "/model.bin";
    std::FILE* file = std::fopen(path_.c_str(), "wb");
    size_t written = 0;
    if (file != nullptr && !bytes.empty()) {
      written = std::fwrite(bytes.data(), 1, bytes.size(), file);
    }
    if (file == nullptr || std::fclose(file) != 0 || written != bytes.size()) {
      remove();
      throw std::runtime_error("cannot write " + path_);
    }
  }
  ~TempFile() { remove(); }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;

  const std::string& path() const { return path_; }
  const std::string& directory() const { return directory_; }

 private:
  void remove() const {
    unlink(path_.c_str());
    rmdir(directory_.c_str());
  }

  std::string directory_;
  std::string path_;
};

}  // namespace bitnet::selftest
