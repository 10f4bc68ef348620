// The tile vocabulary of AMX: eight registers of up to 16 rows of 64 bytes. Included inside the
// target's anonymous namespace. Each function of Tiles is one instruction, here as such, in
// amx_model-inl.h as the manual describes it. Inline assembly rather than the intrinsics, since
// those of g++ 12 do not tell the compiler which memory they read and take no template arguments.
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, AMX instructions.

constexpr uint32_t kTileRows = 16;
constexpr uint32_t kTileRowBytes = 64;
constexpr uint32_t kTileBytes = kTileRows * kTileRowBytes;

/// Operand of LDTILECFG: rows and bytes per row of each register.
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};

/// The register plan of both products: registers 0 to 3 are sums, 4 and 5 the first operand, 6 and
/// 7 the second. `upper` and `lower` rows of the first operand, at most 16 each, are in registers
/// 4 and 5, and their sums in registers 0, 1 and 2, 3.
inline TileConfig tile_config(uint32_t upper, uint32_t lower) {
  TileConfig config;
  const uint32_t rows[8] = {upper, upper, lower, lower, upper, lower, kTileRows, kTileRows};
  for (uint32_t i = 0; i < 8; ++i) {
    config.rows[i] = static_cast<uint8_t>(rows[i]);
    config.row_bytes[i] = kTileRowBytes;
  }
  return config;
}

#ifdef BITNET_AMX_MODEL
#include "kernels/x86/amx_model-inl.h"
#else

/// The tile registers of this thread, configured for as long as the object lives; then given back,
/// so that neither other code nor the next context switch meets them.
class Tiles {
 public:
  explicit Tiles(const TileConfig& config) { __asm__ volatile("ldtilecfg %0" : : "m"(config)); }
  ~Tiles() { __asm__ volatile("tilerelease"); }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;

  template <int tile>
  void zero() {
    __asm__ volatile("tilezero %%tmm%c0" : : "n"(tile));
  }
  /// Rows of 64 bytes, `stride` bytes apart.
  template <int tile>
  void load(const void* rows, size_t stride) {
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2"
                     :
                     : "r"(rows), "r"(stride), "n"(tile)
                     : "memory");
  }
  template <int tile>
  void store(void* rows, size_t stride) {
    __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)"
                     :
                     : "r"(rows), "r"(stride), "n"(tile)
                     : "memory");
  }
  /// sum[m, n] += the dot of four signed bytes a[m, 4k..] and four unsigned b[k, 4n..], over k.
  template <int sum, int a, int b>
  void add_dots_i8u8() {
    __asm__ volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "n"(sum), "n"(a), "n"(b));
  }
  /// sum[m, n] += E + O: chains of fused multiply-adds from 0 over k of the even and of the odd
  /// bf16 elements a[m, 2k..] and b[k, 2n..], subnormal operands and results taken for 0.
  template <int sum, int a, int b>
  void add_dots_bf16() {
    __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "n"(sum), "n"(a), "n"(b));
  }
};

#endif
