#pragma once

#include <cstdlib>
#include <string>

namespace bitnet::selftest {

/// Sets or unsets (null) an environment variable for a scope. Only while no other thread runs.
class WithEnv {
 public:
  WithEnv(const char* name, const char* value) : name_(name) {
    const char* before = std::getenv(name);
    had_value_ = before != nullptr;
    if (had_value_) before_ = before;
    assign(value);
  }
  ~WithEnv() { assign(had_value_ ? before_.c_str() : nullptr); }
  WithEnv(const WithEnv&) = delete;
  WithEnv& operator=(const WithEnv&) = delete;

 private:
  void assign(const char* value) const {
    if (value != nullptr) {
      setenv(name_, value, 1);
    } else {
      unsetenv(name_);
    }
  }

  const char* name_;
  bool had_value_;
  std::string before_;
};

}  // namespace bitnet::selftest
