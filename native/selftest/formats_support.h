#pragma once

#include <string>
#include <vector>

#include "formats/format.h"
#include "selftest/support.h"

// What the tests of native/formats share.

namespace bitnet::selftest {

inline const Format& format(const std::string& name) { return *find_format(name.c_str()); }

inline std::vector<const Format*> all_formats() {
  size_t count = 0;
  const Format* table = format_table(&count);
  std::vector<const Format*> formats;
  for (size_t i = 0; i < count; i++) formats.push_back(table + i);
  return formats;
}

/// Codes of a matrix of the golden files' generator.
inline Bytes random_codes(uint64_t n, uint32_t seed) {
  Random random(seed);
  Bytes codes(n);
  for (uint8_t& code : codes) code = random.code();
  return codes;
}

inline Floats random_floats(uint64_t n, uint32_t seed) {
  Random random(seed);
  Floats x(n);
  for (float& v : x) v = random.uniform();
  return x;
}

inline Bytes as_bytes(const Floats& x) {
  Bytes bytes(x.size() * sizeof(float));
  if (!x.empty()) std::memcpy(bytes.data(), x.data(), bytes.size());
  return bytes;
}

inline Bytes pack(const Format& f, const Bytes& codes, const MatrixShape& shape) {
  Bytes payload(payload_bytes(f, shape));
  f.pack(codes.data(), shape, 0, shape.rows, payload.data());
  return payload;
}

/// Rows [row_begin, row_begin + n_rows); canaries watch the bytes after them.
inline Bytes unpack(const Format& f, const Bytes& payload, const MatrixShape& shape,
                    uint64_t row_begin, uint64_t n_rows) {
  constexpr uint8_t kUntouched = 77;
  constexpr size_t kWatched = 16;
  Bytes codes(n_rows * shape.cols + kWatched, kUntouched);
  f.unpack(payload.data(), shape, row_begin, n_rows, codes.data());
  for (size_t i = codes.size() - kWatched; i < codes.size(); i++) CHECK_EQ(codes[i], kUntouched);
  codes.resize(n_rows * shape.cols);
  return codes;
}

inline Bytes unpack(const Format& f, const Bytes& payload, const MatrixShape& shape) {
  return unpack(f, payload, shape, 0, shape.rows);
}

inline Bytes encode(const Format& f, const Floats& x) {
  Bytes blocks(x.size() / f.block_elems * f.block_bytes);
  f.encode(x.data(), blocks.data(), x.size());
  return blocks;
}

inline Floats decode(const Format& f, const Bytes& blocks) {
  Floats x(blocks.size() / f.block_bytes * f.block_elems);
  f.decode(blocks.data(), x.data(), x.size());
  return x;
}

inline std::string hex_text(const uint8_t* bytes, size_t n) {
  std::string text;
  for (size_t i = 0; i < n; i++) {
    text += "0123456789abcdef"[bytes[i] >> 4];
    text += "0123456789abcdef"[bytes[i] & 15];
  }
  return text;
}

inline Bytes hex_bytes(const std::string& text) {
  Bytes bytes;
  for (size_t i = 0; i < text.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

/// The message of the error that `action` throws, or nothing.
template <typename Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace bitnet::selftest
