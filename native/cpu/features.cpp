#include "cpu/features.h"

#include <array>
#include <cstdlib>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace bitnet {
namespace {

struct FeatureName {
  CpuFeature bit;
  const char* name;
};

constexpr FeatureName kFeatureNames[] = {
    {kCpuAvx2, "avx2"},
    {kCpuFma, "fma"},
    {kCpuF16c, "f16c"},
    {kCpuAvxVnni, "avx_vnni"},
    {kCpuAvx512f, "avx512f"},
    {kCpuAvx512bw, "avx512bw"},
    {kCpuAvx512dq, "avx512dq"},
    {kCpuAvx512vl, "avx512vl"},
    {kCpuAvx512vnni, "avx512vnni"},
    {kCpuAvx512bf16, "avx512bf16"},
    {kCpuAvx512vbmi, "avx512vbmi"},
    {kCpuAmxTile, "amx_tile"},
    {kCpuAmxInt8, "amx_int8"},
    {kCpuAmxBf16, "amx_bf16"},
    {kCpuNeon, "neon"},
    {kCpuDotprod, "dotprod"},
    {kCpuI8mm, "i8mm"},
};

#if defined(__x86_64__)

struct Registers {
  unsigned a, b, c, d;
};

Registers cpuid(unsigned leaf, unsigned subleaf) {
  Registers r = {};
  __get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d);
  return r;
}

uint64_t read_xcr0() {
  unsigned low = 0;
  unsigned high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

// XCR0 bits: which register files the operating system saves (Intel SDM vol. 1, 13.3).
constexpr uint64_t kXcr0Ymm = 0x6;
constexpr uint64_t kXcr0Zmm = 0xe6;
constexpr uint64_t kXcr0Tiles = 0x60000;

/// Linux grants the AMX registers on request only; without the grant the first tile instruction
/// kills the process.
bool request_amx() {
#if defined(__linux__)
  constexpr int kArchReqXcompPerm = 0x1023;
  constexpr int kXfeatureXtileData = 18;
  return syscall(SYS_arch_prctl, kArchReqXcompPerm, kXfeatureXtileData) == 0;
#else
  return false;
#endif
}

struct LeafBit {
  unsigned value;
  unsigned bit;
  CpuFeature feature;
};

template <size_t n>
uint64_t features_of(const std::array<LeafBit, n>& table) {
  uint64_t features = 0;
  for (const auto& row : table) {
    if ((row.value >> row.bit & 1) != 0) features |= row.feature;
  }
  return features;
}

uint64_t detect_features() {
  const Registers leaf1 = cpuid(1, 0);
  const bool os_saves_registers = (leaf1.c >> 27 & 1) != 0;
  if (!os_saves_registers) return 0;
  const uint64_t xcr0 = read_xcr0();
  const Registers leaf7 = cpuid(7, 0);
  const Registers leaf7_1 = cpuid(7, 1);
  uint64_t features = 0;
  if ((xcr0 & kXcr0Ymm) == kXcr0Ymm) {
    features |= features_of<4>({{{leaf7.b, 5, kCpuAvx2},
                                 {leaf1.c, 12, kCpuFma},
                                 {leaf1.c, 29, kCpuF16c},
                                 {leaf7_1.a, 4, kCpuAvxVnni}}});
  }
  if ((xcr0 & kXcr0Zmm) == kXcr0Zmm) {
    features |= features_of<7>({{{leaf7.b, 16, kCpuAvx512f},
                                 {leaf7.b, 30, kCpuAvx512bw},
                                 {leaf7.b, 17, kCpuAvx512dq},
                                 {leaf7.b, 31, kCpuAvx512vl},
                                 {leaf7.c, 1, kCpuAvx512vbmi},
                                 {leaf7.c, 11, kCpuAvx512vnni},
                                 {leaf7_1.a, 5, kCpuAvx512bf16}}});
  }
  const bool has_tiles = (leaf7.d >> 24 & 1) != 0 && (xcr0 & kXcr0Tiles) == kXcr0Tiles;
  if (has_tiles && request_amx()) {
    features |= features_of<3>(
        {{{leaf7.d, 24, kCpuAmxTile}, {leaf7.d, 25, kCpuAmxInt8}, {leaf7.d, 22, kCpuAmxBf16}}});
  }
  return features;
}

std::string detect_brand() {
  if (cpuid(0x80000000u, 0).a < 0x80000004u) return "x86-64";
  std::array<char, 49> text = {};
  for (unsigned i = 0; i < 3; ++i) {
    const Registers r = cpuid(0x80000002u + i, 0);
    std::memcpy(text.data() + 16 * i, &r, sizeof r);
  }
  std::string brand = text.data();
  const size_t first = brand.find_first_not_of(' ');
  const size_t last = brand.find_last_not_of(' ');
  return first == std::string::npos ? "x86-64" : brand.substr(first, last - first + 1);
}

constexpr const char* kArch = "x64";

#elif defined(__aarch64__)

uint64_t detect_features() {
  uint64_t features = kCpuNeon;
#if defined(__linux__)
  if ((getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0) features |= kCpuDotprod;
  if ((getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0) features |= kCpuI8mm;
#elif defined(__APPLE__)
  features |= kCpuDotprod;  // every Apple 64-bit desktop chip
#endif
  return features;
}

std::string detect_brand() { return "AArch64"; }
constexpr const char* kArch = "arm64";

#else

uint64_t detect_features() { return 0; }
std::string detect_brand() { return "unknown"; }
constexpr const char* kArch = "unknown";

#endif

}  // namespace

const CpuInfo& cpu_info() {
  static const CpuInfo info = {detect_features(), detect_brand(), kArch};
  return info;
}

std::vector<std::string> cpu_feature_names(uint64_t bits) {
  std::vector<std::string> names;
  for (const auto& row : kFeatureNames) {
    if ((bits & row.bit) != 0) names.emplace_back(row.name);
  }
  return names;
}

std::string forced_kernel_name() {
  const char* value = std::getenv("BITNET_KERNEL");
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace bitnet
