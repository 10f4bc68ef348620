#include "probe/peaks.h"

#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace bitnet::probe {
namespace {

constexpr int kChains = 12;

#if defined(__x86_64__)

// Compiled for their own instruction sets, whatever the rest is built for.
#define BITNET_PROBE_AVX2 __attribute__((target("avx2,fma")))
#define BITNET_PROBE_AVXVNNI __attribute__((target("avx2,fma,avxvnni")))
#define BITNET_PROBE_AMX __attribute__((target("amx-tile,amx-int8")))
#define BITNET_PROBE_AVX512 __attribute__((target("avx512f,avx512bw,avx512vnni")))

/// Keeps what computes the value from being dropped.
#define BITNET_PROBE_KEEP(value) __asm__ volatile("" : "+v"(value))

constexpr int kTileSums = 4;
BITNET_PROBE_AMX void int8_amx(uint64_t n_loops) {
  struct alignas(64) {
    uint8_t palette = 1;
    uint8_t zeros[15] = {};
    uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } const config;
  __asm__ volatile("ldtilecfg %0" : : "m"(config));
  for (uint64_t i = 0; i < n_loops; ++i) {
    __asm__ volatile(
        "tdpbsud %tmm6, %tmm4, %tmm0\n\t"
        "tdpbsud %tmm7, %tmm4, %tmm1\n\t"
        "tdpbsud %tmm6, %tmm5, %tmm2\n\t"
        "tdpbsud %tmm7, %tmm5, %tmm3");
  }
  __asm__ volatile("tilerelease");
}

BITNET_PROBE_AVX512 void int8_avx512vnni(uint64_t n_loops) {
  const __m512i a = _mm512_set1_epi8(2);
  const __m512i b = _mm512_set1_epi8(3);
  __m512i sum[kChains];
  for (auto& lanes : sum) lanes = _mm512_setzero_si512();
  for (uint64_t i = 0; i < n_loops; ++i) {
#pragma GCC unroll 12
    for (auto& lanes : sum) lanes = _mm512_dpbusd_epi32(lanes, a, b);
  }
  for (auto& lanes : sum) BITNET_PROBE_KEEP(lanes);
}

BITNET_PROBE_AVX512 void f32_avx512vnni(uint64_t n_loops) {
  const __m512 a = _mm512_set1_ps(0.5f);
  __m512 sum[kChains];
  for (auto& lanes : sum) lanes = a;
  for (uint64_t i = 0; i < n_loops; ++i) {
#pragma GCC unroll 12
    for (auto& lanes : sum) lanes = _mm512_fmadd_ps(lanes, a, a);
  }
  for (auto& lanes : sum) BITNET_PROBE_KEEP(lanes);
}

BITNET_PROBE_AVXVNNI void int8_avxvnni(uint64_t n_loops) {
  const __m256i a = _mm256_set1_epi8(2);
  const __m256i b = _mm256_set1_epi8(3);
  __m256i sum[kChains];
  for (auto& lanes : sum) lanes = _mm256_setzero_si256();
  for (uint64_t i = 0; i < n_loops; ++i) {
#pragma GCC unroll 12
    for (auto& lanes : sum) lanes = _mm256_dpbusd_avx_epi32(lanes, a, b);
  }
  for (auto& lanes : sum) BITNET_PROBE_KEEP(lanes);
}

/// VPMADDUBSW and the VPADDW that sums its products: of a latency of 1, so that few chains do.
constexpr int kShortChains = 4;
BITNET_PROBE_AVX2 void int8_avx2(uint64_t n_loops) {
  const __m256i a = _mm256_set1_epi8(2);
  const __m256i b = _mm256_set1_epi8(3);
  __m256i sum[kShortChains];
  for (auto& lanes : sum) lanes = _mm256_setzero_si256();
  for (uint64_t i = 0; i < n_loops; ++i) {
#pragma GCC unroll 4
    for (auto& lanes : sum) {
      // As intrinsics, the one product would be computed once, before the loop.
      __m256i product;
      __asm__ volatile("vpmaddubsw %3, %2, %0\n\tvpaddw %0, %1, %1"
                       : "=&x"(product), "+x"(lanes)
                       : "x"(a), "x"(b));
    }
  }
  for (auto& lanes : sum) BITNET_PROBE_KEEP(lanes);
}

BITNET_PROBE_AVX2 void f32_avx2(uint64_t n_loops) {
  const __m256 a = _mm256_set1_ps(0.5f);
  __m256 sum[kChains];
  for (auto& lanes : sum) lanes = a;
  for (uint64_t i = 0; i < n_loops; ++i) {
#pragma GCC unroll 12
    for (auto& lanes : sum) lanes = _mm256_fmadd_ps(lanes, a, a);
  }
  for (auto& lanes : sum) BITNET_PROBE_KEEP(lanes);
}

constexpr PeakLoop kF32Ymm = {f32_avx2, kChains * 8 * 2.0};
constexpr PeakLoop kF32Zmm = {f32_avx512vnni, kChains * 16 * 2.0};

constexpr struct {
  const char* target;
  PeakLoops loops;
} kPeaks[] = {
    {"amx_int8", {{int8_amx, kTileSums * 16 * 16 * 64 * 2.0}, kF32Zmm}},
    {"avx512vbmi", {{int8_avx512vnni, kChains * 64 * 2.0}, kF32Zmm}},
    {"avx512vnni", {{int8_avx512vnni, kChains * 64 * 2.0}, kF32Zmm}},
    {"avxvnni", {{int8_avxvnni, kChains * 32 * 2.0}, kF32Ymm}},
    {"avx2", {{int8_avx2, kShortChains * 32 * 2.0}, kF32Ymm}},
};

#elif defined(__aarch64__)

#define BITNET_PROBE_KEEP(value) __asm__ volatile("" : "+w"(value))

/// As inline assembly the instructions need no flags of their own.
#define BITNET_PROBE_NEON_LOOP(name, lanes_type, zero, instructions)          \
  void name(uint64_t n_loops) {                                               \
    const int8x16_t a = vdupq_n_s8(2);                                        \
    lanes_type sum[kChains];                                                  \
    for (auto& lanes : sum) lanes = zero(0);                                  \
    for (uint64_t i = 0; i < n_loops; ++i) {                                  \
      _Pragma("GCC unroll 12") for (auto& lanes : sum) {                      \
        lanes_type product = lanes;                                           \
        __asm__ volatile(instructions : "+w"(lanes), "+w"(product) : "w"(a)); \
      }                                                                       \
    }                                                                         \
    for (auto& lanes : sum) BITNET_PROBE_KEEP(lanes);                         \
  }

BITNET_PROBE_NEON_LOOP(int8_neon, int32x4_t, vdupq_n_s32,
                       "smull %1.8h, %2.8b, %2.8b\n\tsadalp %0.4s, %1.8h")
BITNET_PROBE_NEON_LOOP(int8_dotprod, int32x4_t, vdupq_n_s32,
                       ".arch armv8.2-a+dotprod\n\tsdot %0.4s, %2.16b, %2.16b")
BITNET_PROBE_NEON_LOOP(int8_i8mm, int32x4_t, vdupq_n_s32,
                       ".arch armv8.2-a+i8mm\n\tsmmla %0.4s, %2.16b, %2.16b")
BITNET_PROBE_NEON_LOOP(f32_neon, float32x4_t, vdupq_n_f32, "fmla %0.4s, %2.4s, %2.4s")

constexpr PeakLoop kF32Neon = {f32_neon, kChains * 4 * 2.0};

constexpr struct {
  const char* target;
  PeakLoops loops;
} kPeaks[] = {
    {"neon_i8mm", {{int8_i8mm, kChains * 32 * 2.0}, kF32Neon}},
    {"neon_dotprod", {{int8_dotprod, kChains * 16 * 2.0}, kF32Neon}},
    {"neon", {{int8_neon, kChains * 8 * 2.0}, kF32Neon}},
};

#else

constexpr struct {
  const char* target;
  PeakLoops loops;
} kPeaks[] = {{"", {}}};

#endif

}  // namespace

PeakLoops peak_loops(const char* target) {
  for (const auto& [name, loops] : kPeaks) {
    if (std::strcmp(name, target) == 0) return loops;
  }
  return {};
}

}  // namespace bitnet::probe
