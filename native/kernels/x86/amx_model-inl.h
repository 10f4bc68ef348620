// The tile instructions in software, written after the operation sections of the manual, for the
// self-test on CPUs without AMX. See amx-inl.h. Where the CPU would raise an exception, so does the
// model.

class Tiles {
 public:
  explicit Tiles(const TileConfig& config) {
    require(config.palette == 1 && config.start_row == 0);
    for (const uint8_t byte : config.reserved) require(byte == 0);
    for (uint32_t i = 0; i < 16; ++i) {
      const bool used = i < kRegisters && config.rows[i] != 0;
      require(config.rows[i] <= (i < kRegisters ? kTileRows : 0));
      require(config.row_bytes[i] <= kTileRowBytes && (config.row_bytes[i] != 0) == used);
      if (used) tiles_[i] = {config.rows[i], config.row_bytes[i], {}};
    }
  }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;

  template <int tile>
  void zero() {
    Tile& t = used<tile>();
    __builtin_memset(t.bytes, 0, sizeof t.bytes);
  }

  template <int tile>
  void load(const void* rows, size_t stride) {
    Tile& t = used<tile>();
    __builtin_memset(t.bytes, 0, sizeof t.bytes);
    for (uint32_t r = 0; r < t.rows; ++r) {
      __builtin_memcpy(t.bytes[r], static_cast<const uint8_t*>(rows) + r * stride, t.row_bytes);
    }
  }

  template <int tile>
  void store(void* rows, size_t stride) {
    const Tile& t = used<tile>();
    for (uint32_t r = 0; r < t.rows; ++r) {
      __builtin_memcpy(static_cast<uint8_t*>(rows) + r * stride, t.bytes[r], t.row_bytes);
    }
  }

  /// TDPBSUD: plain 32-bit addition, which wraps around.
  template <int sum, int a, int b>
  void add_dots_i8u8() {
    require_shapes<sum, a, b>();
    Tile& c = tiles_[sum];
    for (uint32_t m = 0; m < c.rows; ++m) {
      uint32_t row[kDwords] = {};
      __builtin_memcpy(row, c.bytes[m], c.row_bytes);
      for (uint32_t k = 0; k < tiles_[a].row_bytes / 4u; ++k) {
        for (uint32_t n = 0; n < c.row_bytes / 4u; ++n) {
          for (uint32_t i = 0; i < 4; ++i) {
            const int32_t x = static_cast<int8_t>(tiles_[a].bytes[m][4 * k + i]);
            const int32_t y = tiles_[b].bytes[k][4 * n + i];
            row[n] += static_cast<uint32_t>(x * y);
          }
        }
      }
      write_row(c, m, row);
    }
    clear_rows(c);
  }

  /// TDPBF16PS. The manual asks for DAZ, FTZ and rounding to nearest, whatever MXCSR says; the
  /// model sets it so, since the CPU's own flushing is the one that is meant.
  template <int sum, int a, int b>
  void add_dots_bf16() {
    require_shapes<sum, a, b>();
    constexpr unsigned kFlush = 0x9fc0;  // FTZ, DAZ, all exceptions masked
    const unsigned before = _mm_getcsr();
    // The memory clobbers keep loads and stores, and so the arithmetic, on their side.
    __asm__ volatile("ldmxcsr %0" : : "m"(kFlush) : "memory");
    add_dots_bf16_flushing(tiles_[sum], tiles_[a], tiles_[b]);
    __asm__ volatile("ldmxcsr %0" : : "m"(before) : "memory");
  }

 private:
  static constexpr uint32_t kRegisters = 8;
  static constexpr uint32_t kDwords = kTileRowBytes / 4;

  struct Tile {
    uint32_t rows = 0;
    uint32_t row_bytes = 0;
    alignas(64) uint8_t bytes[kTileRows][kTileRowBytes] = {};
  };

  static void require(bool condition) {
    if (!condition) __builtin_trap();
  }

  template <int tile>
  Tile& used() {
    require(tiles_[tile].rows != 0);
    return tiles_[tile];
  }

  template <int sum, int a, int b>
  void require_shapes() {
    static_assert(sum != a && sum != b && a != b);
    const Tile& c = used<sum>();
    require(used<a>().rows == c.rows && used<b>().row_bytes == c.row_bytes);
    require(used<a>().row_bytes == 4 * used<b>().rows && c.row_bytes % 4 == 0);
  }

  static void write_row(Tile& c, uint32_t m, const void* row) {
    __builtin_memset(c.bytes[m], 0, kTileRowBytes);
    __builtin_memcpy(c.bytes[m], row, c.row_bytes);
  }

  static void clear_rows(Tile& c) {
    for (uint32_t m = c.rows; m < kTileRows; ++m) __builtin_memset(c.bytes[m], 0, kTileRowBytes);
  }

  /// 16 results at a time, under the MXCSR of the caller.
  static __attribute__((noinline)) void add_dots_bf16_flushing(Tile& c, const Tile& a,
                                                               const Tile& b) {
    const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xffff0000));
    for (uint32_t m = 0; m < c.rows; ++m) {
      __m512 even = _mm512_setzero_ps();
      __m512 odd = _mm512_setzero_ps();
      for (uint32_t k = 0; k < a.row_bytes / 4; ++k) {
        int32_t pair;
        __builtin_memcpy(&pair, a.bytes[m] + 4 * size_t{k}, 4);
        const __m512i x = _mm512_set1_epi32(pair);
        const __m512i y = _mm512_load_si512(b.bytes[k]);
        even = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_slli_epi32(x, 16)),
                               _mm512_castsi512_ps(_mm512_slli_epi32(y, 16)), even);
        odd = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_and_si512(x, upper)),
                              _mm512_castsi512_ps(_mm512_and_si512(y, upper)), odd);
      }
      const __m512 row = _mm512_add_ps(_mm512_load_ps(c.bytes[m]), _mm512_add_ps(even, odd));
      alignas(64) float results[kDwords];
      _mm512_store_ps(results, row);
      write_row(c, m, results);
    }
    clear_rows(c);
  }

  Tile tiles_[kRegisters];
};
