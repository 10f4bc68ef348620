// Single BitLinear layers against the golden data (test/golden/README.md): quantisation of the
// input, its sum, dots and outputs on every target.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/file.h"
#include "selftest/support.h"
#include "selftest/targets.h"
#include "selftest/ternary_matrix.h"

namespace bitnet::selftest {
namespace {

#ifndef BITNET_GOLDEN_DIR

BITNET_TEST(bitlinear_golden) { skip("golden layers", "built without BITNET_GOLDEN_DIR"); }

#else

const std::string kDirectory = std::string(BITNET_GOLDEN_DIR) + "/bitlinear/";

Bytes read_file(const std::string& path) {
  const File file(path);
  Bytes bytes(file.size());
  file.read_at(0, bytes.data(), bytes.size());
  return bytes;
}

/// Reads units.json front to back. The file is machine-made: its keys always come in one order.
class Scanner {
 public:
  explicit Scanner(const Bytes& bytes) : text_(bytes.begin(), bytes.end()) {}

  /// True when another layer follows.
  bool more() const { return text_.find("\"M\":", at_) != std::string::npos; }
  /// Goes behind the next `"key":`.
  void need(const std::string& key) {
    const size_t found = text_.find("\"" + key + "\":", at_);
    if (found == std::string::npos) {
      throw Error(ErrorCode::kModelFormat, "units.json has no more \"" + key + "\"");
    }
    at_ = found + key.size() + 3;
  }
  /// A number, or the first of a list.
  double number(const std::string& key) {
    need(key);
    return std::stod(text_.substr(text_.find_first_of("-0123456789", at_), 40));
  }
  uint32_t size(const std::string& key) { return static_cast<uint32_t>(number(key)); }
  std::string string(const std::string& key) {
    need(key);
    const size_t begin = text_.find('"', at_) + 1;
    return text_.substr(begin, text_.find('"', begin) - begin);
  }

 private:
  std::string text_;
  size_t at_ = 0;
};

/// n values at a byte offset of units.bin.
template <class T>
std::vector<T> values_at(const Bytes& bytes, size_t offset, size_t n) {
  if (offset + n * sizeof(T) > bytes.size()) throw Error(ErrorCode::kModelFormat, "units.bin ends");
  std::vector<T> values(n);
  std::memcpy(values.data(), bytes.data() + offset, n * sizeof(T));
  return values;
}

struct Layer {
  Layer(Scanner& json, const Bytes& data) {
    n = json.size("M");
    k = json.size("K");
    const bool ones = json.string("trits") == "all +1";
    Random random(json.size("seed"));
    codes.resize(size_t{n} * k);
    for (uint8_t& code : codes) code = ones ? uint8_t{2} : random.code();
    scale = static_cast<float>(json.number("scale"));
    const auto offset = [&](const char* key) {
      json.need(key);
      return json.size("offset");
    };
    const size_t at_x = offset("x");
    m = json.size("shape");
    x = values_at<float>(data, at_x, size_t{m} * k);
    scales = values_at<float>(data, offset("s"), m);
    q = values_at<int8_t>(data, offset("q"), size_t{m} * k);
    sums = values_at<int32_t>(data, offset("asum"), m);
    dots = values_at<int32_t>(data, offset("dot"), size_t{m} * n);
    y = values_at<float>(data, offset("y"), size_t{m} * n);
  }

  uint32_t n, m, k;
  float scale;
  Bytes codes;                // [n, k]
  Floats x;                   // [m, k]
  Floats scales;              // [m]
  std::vector<int8_t> q;      // [m, k]
  std::vector<int32_t> sums;  // [m]
  std::vector<int32_t> dots;  // [m, n]
  Floats y;                   // [m, n]
};

/// Quantises the layer's inputs with one target and compares every row.
void check_quantisation(const Layer& layer, const KernelTable& table, Exact<int8_t>& q) {
  const uint32_t k_padded = round_up(layer.k, kTernaryGroup);
  for (uint32_t i = 0; i < layer.m; i++) {
    float scale = 0.0f;
    int32_t sum = 0;
    int8_t* row = q.data() + size_t{i} * k_padded;
    table.quantize_row(layer.x.data() + size_t{i} * layer.k, layer.k, k_padded, row, &scale, &sum);
    const auto where = [&] {
      return std::string(table.name) + " k " + std::to_string(layer.k) + " row " +
             std::to_string(i);
    };
    CHECK_BITS(&scale, &layer.scales[i], 1, where() + " scale");
    CHECK_BITS(&sum, &layer.sums[i], 1, where() + " sum");
    CHECK_BITS(row, layer.q.data() + size_t{i} * layer.k, layer.k, where() + " codes");
  }
}

float ulp_distance(float a, float b) {
  const float next = std::nextafter(std::fabs(b), kInfinity);
  return std::fabs(a - b) / (next - std::fabs(b));
}

/// The first m rows by one product, with and without the scales.
void check_products(const Layer& layer, const NamedTernary& named, const Exact<int8_t>& q,
                    uint32_t m) {
  const TernaryKernels& kernels = *named.kernels;
  PackedMatrix matrix(layer.codes, layer.n, layer.k, 1.0f, kernels);
  const uint32_t k_padded = matrix.view.k_padded;
  const Floats ones(m, 1.0f);
  Exact<int8_t> packed(size_t{round_up(m, kernels.m_tile)} * k_padded);
  Exact<uint8_t> scratch(kernels.scratch_bytes(k_padded));
  const auto multiply = [&](const Floats& scales) {
    TernaryInput rows = {m,       q.data(), k_padded, scales.data(), layer.sums.data(),
                         nullptr, nullptr,  nullptr,  nullptr,       0};
    Floats y(size_t{m} * layer.n);
    if (m <= kernels.m_direct) {
      kernels.gemv(matrix.view, rows, 0, layer.n, y.data(), layer.n);
      return y;
    }
    if (kernels.pack_x != nullptr) {
      kernels.pack_x(rows, k_padded, 0, round_up(m, kernels.m_tile), packed.data());
      rows.packed = packed.data();
    }
    kernels.gemm(matrix.view, rows, 0, layer.n, y.data(), layer.n, scratch.data());
    return y;
  };
  const Floats dots = multiply(ones);
  matrix.set_scale(layer.scale);
  const Floats y = multiply(layer.scales);
  size_t n_wrong = 0;
  float worst = 0.0f;
  for (size_t i = 0; i < y.size(); i++) {
    n_wrong += dots[i] != static_cast<float>(layer.dots[i]);
    if (y[i] != layer.y[i]) worst = std::max(worst, ulp_distance(y[i], layer.y[i]));
  }
  CHECK_EQ(n_wrong, size_t{0});
  CHECK(worst <= 2.0f);
}

BITNET_TEST(bitlinear_golden) {
  if (error_of([] { File directory_exists(kDirectory + "units.json"); }) != "none") {
    skip("golden layers", kDirectory + "units.json is not there");
    return;
  }
  const Bytes data = read_file(kDirectory + "units.bin");
  Scanner json(read_file(kDirectory + "units.json"));
  json.need("cases");
  size_t n_layers = 0;
  while (json.more()) {
    const Layer layer(json, data);
    n_layers++;
    Exact<int8_t> q(size_t{layer.m} * round_up(layer.k, kTernaryGroup));
    for (const Kernels& target : runnable_targets()) check_quantisation(layer, target.table, q);
    for (const NamedTernary& named : runnable_ternary_kernels()) {
      for (uint32_t m = 1; m <= layer.m; m++) check_products(layer, named, q, m);
    }
  }
  CHECK(n_layers >= 8);
}

#endif

}  // namespace
}  // namespace bitnet::selftest
