// Ternary products by int8 tiles: 16 activation rows x 64 columns times 64 columns x 16 weight
// rows. Included inside the target's anonymous namespace, after amx-inl.h and zmm_blocks16-inl.h.
//
// Weights are unpacked to one byte per code, group by group (128 columns of 16 rows: two tiles, the
// dwords of a row side by side as they lie in kBlocks16), always some way ahead of their use: tile
// loads do not forward from the store buffer, so codes must have reached the cache. Activations are
// packed tile after tile. A step multiplies up to 32 activation rows (two tiles) by a panel of 32
// weight rows (two blocks): four sums in registers.

constexpr uint32_t kTileK = kTileRowBytes;
constexpr uint32_t kGroupBytes = 512;                       // of weights, packed
constexpr uint32_t kGroupTiles = kTernaryGroup / kTileK;    // unpacked
constexpr uint32_t kGroupCodes = kGroupTiles * kTileBytes;  // unpacked, in bytes
constexpr uint32_t kStepRows = 2 * kTileRows;               // activation rows of a step
constexpr uint32_t kPanelRows = 2 * kBlockRows;             // weight rows of a step
constexpr uint32_t kRing = 4;                               // groups of a panel in flight
constexpr size_t kRingBytes =
    size_t{kRing} * 2 * kGroupCodes;  // few rows: a cache of the first level

/// Every CPU with AMX has 2 MB of second-level cache per core; a third is left to panels and
/// results.
constexpr size_t kL2Bytes = size_t{2} << 20;
constexpr size_t kL2ActivationBytes = kL2Bytes / 3 * 2;
constexpr uint32_t kMostTokens = 512;
/// Results of a call that would push activations out of the cache are written past it.
constexpr size_t kStreamedBytes = kL2Bytes / 4;

/// Largest m that the direct products take. From 6 rows on tiles win, half empty as they are.
constexpr uint32_t kDirectRows = 5;

/// Activation rows that stay in the second-level cache while all panels pass by.
inline uint32_t token_block(uint32_t k_padded) {
  const size_t fitting = kL2ActivationBytes / k_padded / kStepRows * kStepRows;
  if (fitting > kMostTokens) return kMostTokens;
  return fitting < kStepRows ? kStepRows : static_cast<uint32_t>(fitting);
}

/// [tile of 16 rows][k / 64][16 rows][64]
void pack_activations(const TernaryInput& x, uint32_t k_padded, uint32_t begin, uint32_t end,
                      int8_t* out) {
  for (uint32_t row = begin; row < end; ++row) {
    int8_t* to = out + size_t{row / kTileRows * kTileRows} * k_padded + row % kTileRows * kTileK;
    const int8_t* from = x.q + row * x.q_stride;
    for (uint32_t k = 0; k < k_padded; k += kTileK, to += kTileBytes) {
      _mm512_storeu_si512(to, row < x.m ? load_512(from + k) : _mm512_setzero_si512());
    }
  }
}

/// One call's working memory, in the caller's scratch.
struct GemmScratch {
  uint8_t* codes;  ///< two panels, or the ring
  int32_t* sums;   ///< [32 activation rows][32 weight rows]
  float* factors;  ///< [kMostTokens]

  static size_t codes_bytes(uint32_t k_padded) {
    const size_t panels = size_t{2} * kPanelRows * k_padded;
    return panels > kRingBytes ? panels : kRingBytes;
  }
  static size_t bytes(uint32_t k_padded) {
    return codes_bytes(k_padded) + kStepRows * kPanelRows * sizeof(int32_t) +
           kMostTokens * sizeof(float);
  }
  GemmScratch(void* scratch, uint32_t k_padded)
      : codes(static_cast<uint8_t*>(scratch)),
        sums(reinterpret_cast<int32_t*>(codes + codes_bytes(k_padded))),
        factors(reinterpret_cast<float*>(sums + kStepRows * kPanelRows)) {}
};

/// Where the sums of a step go: y = float(dot) * (row_scale / scale), as in store_rows.
class Results {
 public:
  Results(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin, uint32_t row_end,
          float* y, size_t y_stride, const GemmScratch& scratch)
      : w_(w), x_(x), row_end_(row_end), y_(y), y_stride_(y_stride), scratch_(scratch) {
    uint32_t differences = 0;
    for (uint32_t row = row_begin; row < row_end; ++row) {
      differences |= bits_of(w.row_scales[row]) ^ bits_of(w.row_scales[row_begin]);
    }
    same_scale_ = differences == 0;
    const bool aligned = reinterpret_cast<uintptr_t>(y) % 64 == 0 && y_stride % kBlockRows == 0;
    streamed_ = aligned && size_t{x.m} * (row_end - row_begin) * sizeof(float) >= kStreamedBytes;
    row_scale_ = w.row_scales[row_begin];
  }
  /// Other threads read y after a plain store of this one, which does not wait for streamed ones.
  ~Results() {
    if (streamed_) _mm_sfence();
  }
  Results(const Results&) = delete;
  Results& operator=(const Results&) = delete;

  /// To be called before the results of these activation rows: where all weight rows have one
  /// scale, each activation row has one factor, and divisions are few.
  void begin_tokens(uint32_t first_token, uint32_t n_tokens) {
    first_token_ = first_token;
    if (!same_scale_) return;
    for (uint32_t i = 0; i < n_tokens; ++i) {
      scratch_.factors[i] = row_scale_ / x_.scale[first_token + i];
    }
  }

  /// Stores what `scratch.sums` holds for n_tokens activation rows and the panel at `row`.
  void store_step(uint32_t token, uint32_t n_tokens, uint32_t row) const {
    const bool two_blocks = row + kBlockRows < row_end_;
    for (uint32_t i = token; i < token + n_tokens; ++i) {
      const int32_t* sums = scratch_.sums + size_t{i - token} * kPanelRows;
      store_block(sums, i, row);
      if (two_blocks) store_block(sums + kBlockRows, i, row + kBlockRows);
    }
  }

 private:
  static uint32_t bits_of(float x) {
    uint32_t bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    return bits;
  }

  void store_block(const int32_t* sums, uint32_t token, uint32_t row) const {
    const __m512i dots = _mm512_load_si512(sums);
    float* y = y_ + token * y_stride_;
    const uint32_t n_rows = rows_left(row, row_end_);
    if (!same_scale_ || n_rows < kBlockRows) return store_rows(dots, w_, x_, token, row, n_rows, y);
    const __m512i exact = _mm512_sub_epi32(dots, _mm512_set1_epi32(x_.sum[token]));
    const __m512 result =
        _mm512_mul_ps(_mm512_cvtepi32_ps(exact), set1(scratch_.factors[token - first_token_]));
    if (streamed_) {
      _mm512_stream_ps(y + row, result);
    } else {
      _mm512_storeu_ps(y + row, result);
    }
  }

  const TernaryMatrix& w_;
  const TernaryInput& x_;
  uint32_t row_end_;
  float* y_;
  size_t y_stride_;
  const GemmScratch& scratch_;
  uint32_t first_token_ = 0;
  float row_scale_;
  bool same_scale_;
  bool streamed_;
};

/// 16 activation rows times 64 columns of both blocks, which are in registers 6 and 7.
template <int rows, int sum>
inline void add_products(Tiles& tiles, const int8_t* a) {
  tiles.load<rows>(a, kTileRowBytes);
  tiles.add_dots_i8u8<sum, rows, 6>();
  tiles.add_dots_i8u8<sum + 1, rows, 7>();
}

/// Sums of 16 or 32 activation rows from `a` and a panel, whose codes `source` gives group by
/// group. With 16 rows the two tiles of a group are summed apart and added at the end: a product
/// takes some three times as long as it keeps the unit busy, so there should be four sums then,
/// too.
template <bool two_tiles, class Source>
inline void multiply_step(Tiles& tiles, Source& source, const int8_t* a, uint32_t k_padded,
                          int32_t* sums) {
  tiles.zero<0>();
  tiles.zero<1>();
  tiles.zero<2>();
  tiles.zero<3>();
  const int8_t* lower_a = a + size_t{kTileRows} * k_padded;
  for (uint32_t g = 0; g < k_padded / kTernaryGroup; ++g) {
    const uint8_t* codes = source.next_group();
    const uint8_t* second = codes + source.to_second_block();
#pragma GCC unroll 2
    for (uint32_t half = 0; half < kGroupTiles; ++half, a += kTileBytes, lower_a += kTileBytes) {
      tiles.load<6>(codes + half * kTileBytes, kTileRowBytes);
      tiles.load<7>(second + half * kTileBytes, kTileRowBytes);
      if (two_tiles) {
        add_products<4, 0>(tiles, a);
        add_products<5, 2>(tiles, lower_a);
      } else if (half == 0) {
        add_products<4, 0>(tiles, a);
      } else {
        add_products<5, 2>(tiles, a);
      }
    }
  }
  constexpr size_t kRowBytes = kPanelRows * sizeof(int32_t);
  constexpr size_t kTileSums = size_t{kTileRows} * kPanelRows;
  tiles.store<0>(sums, kRowBytes);
  tiles.store<1>(sums + kBlockRows, kRowBytes);
  tiles.store<2>(sums + kTileSums, kRowBytes);
  tiles.store<3>(sums + kTileSums + kBlockRows, kRowBytes);
  for (size_t i = 0; !two_tiles && i < kTileSums; i += kBlockRows) {
    _mm512_store_si512(sums + i, _mm512_add_epi32(_mm512_load_si512(sums + i),
                                                  _mm512_load_si512(sums + i + kTileSums)));
  }
}

/// The groups of all panels once, unpacked kRing - 1 groups ahead: for one step of rows.
class RingSource {
 public:
  RingSource(const TernaryMatrix& w, uint32_t row_begin, uint32_t row_end, uint8_t* ring)
      : block_bytes_(size_t{kBlockRows} * (w.k_padded / 4)),
        from_(w.data + row_begin / kBlockRows * block_bytes_),
        blocks_left_((row_end - row_begin + kBlockRows - 1) / kBlockRows),
        n_groups_(w.k_padded / kTernaryGroup),
        ring_(ring) {
    for (uint32_t i = 1; i < kRing; ++i) unpack_next();
  }

  const uint8_t* next_group() {
    unpack_next();
    return ring_ + n_given_++ % kRing * 2 * kGroupCodes;
  }
  size_t to_second_block() const { return kGroupCodes; }

 private:
  /// What a missing second block leaves in the ring is multiplied, but not stored.
  void unpack_next() {
    if (blocks_left_ == 0) return;
    uint8_t* to = ring_ + n_unpacked_++ % kRing * 2 * kGroupCodes;
    // Two streams: each goes on behind the other's block.
    const bool leaves_block = i_group_ + kPrefetchBytes / kGroupBytes >= n_groups_;
    const size_t ahead = kPrefetchBytes + (leaves_block ? block_bytes_ : 0);
    unpack_vectors(from_, kTileRowBytes, to, ahead);
    if (blocks_left_ > 1) {
      unpack_vectors(from_ + block_bytes_, kTileRowBytes, to + kGroupCodes, ahead);
    }
    from_ += kGroupBytes;
    if (++i_group_ < n_groups_) return;
    i_group_ = 0;
    from_ += block_bytes_;
    blocks_left_ -= blocks_left_ > 1 ? 2 : 1;
  }

  size_t block_bytes_;
  const uint8_t* from_;
  uint32_t blocks_left_;
  uint32_t n_groups_;
  uint8_t* ring_;
  uint32_t i_group_ = 0;
  uint32_t n_unpacked_ = 0;
  uint32_t n_given_ = 0;
};

/// Unpacks the blocks of a panel, which lie one behind the other.
class PanelUnpacker {
 public:
  PanelUnpacker(const uint8_t* blocks, uint32_t n_groups, uint8_t* codes)
      : from_(blocks), left_(n_groups), to_(codes) {}

  uint32_t left() const { return left_; }
  void unpack_next() {
    unpack_vectors(from_, kTileRowBytes, to_);
    from_ += kGroupBytes;
    to_ += kGroupCodes;
    --left_;
  }

 private:
  const uint8_t* from_;
  uint32_t left_;
  uint8_t* to_;
};

/// One panel, step after step, while the next one is unpacked evenly over all of them.
class PanelSource {
 public:
  PanelSource(const uint8_t* codes, uint32_t k_padded, uint32_t n_steps, PanelUnpacker next)
      : codes_(codes),
        block_codes_(size_t{kBlockRows} * k_padded),
        n_visits_(n_steps * (k_padded / kTernaryGroup)),
        n_groups_(next.left()),
        next_(next) {}

  void begin_step() { group_ = codes_; }
  const uint8_t* next_group() {
    for (due_ += n_groups_; due_ >= n_visits_; due_ -= n_visits_) next_.unpack_next();
    const uint8_t* group = group_;
    group_ += kGroupCodes;
    return group;
  }
  size_t to_second_block() const { return block_codes_; }

 private:
  const uint8_t* codes_;
  size_t block_codes_;
  uint32_t n_visits_;
  uint32_t n_groups_;
  PanelUnpacker next_;
  const uint8_t* group_ = nullptr;
  uint32_t due_ = 0;
};

/// Up to 32 activation rows: weights pass through a ring in the first-level cache.
void multiply_few(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                  uint32_t row_end, const GemmScratch& scratch, Results& results) {
  const bool two_tiles = x.m > kTileRows;
  Tiles tiles(two_tiles ? tile_config(kTileRows, x.m - kTileRows) : tile_config(x.m, x.m));
  RingSource source(w, row_begin, row_end, scratch.codes);
  results.begin_tokens(0, x.m);
  for (uint32_t row = row_begin; row < row_end; row += kPanelRows) {
    if (two_tiles) {
      multiply_step<true>(tiles, source, x.packed, w.k_padded, scratch.sums);
    } else {
      multiply_step<false>(tiles, source, x.packed, w.k_padded, scratch.sums);
    }
    results.store_step(0, x.m, row);
  }
}

/// Activation rows [first, first + n_tokens): a panel is unpacked once for all of them.
void multiply_token_block(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                          uint32_t row_end, uint32_t first, uint32_t n_tokens,
                          const GemmScratch& scratch, Results& results) {
  const auto unpacker = [&](uint32_t row, uint8_t* codes) {
    const uint32_t left = row < row_end ? row_end - row : 0;
    const uint32_t n_rows = left < kPanelRows ? left : kPanelRows;
    const uint32_t n_blocks = (n_rows + kBlockRows - 1) / kBlockRows;
    return PanelUnpacker(w.data + size_t{row} * (w.k_padded / 4),
                         n_blocks * (w.k_padded / kTernaryGroup), codes);
  };
  Tiles tiles(tile_config(kTileRows, kTileRows));
  uint8_t* codes = scratch.codes;
  uint8_t* next_codes = codes + size_t{kPanelRows} * w.k_padded;
  PanelUnpacker panel = unpacker(row_begin, codes);
  while (panel.left() > 0) panel.unpack_next();
  results.begin_tokens(first, n_tokens);
  const uint32_t n_steps = (n_tokens + kStepRows - 1) / kStepRows;
  for (uint32_t row = row_begin; row < row_end; row += kPanelRows) {
    PanelSource source(codes, w.k_padded, n_steps, unpacker(row + kPanelRows, next_codes));
    for (uint32_t done = 0; done < n_tokens; done += kStepRows) {
      const uint32_t n = n_tokens - done < kStepRows ? n_tokens - done : kStepRows;
      const int8_t* a = x.packed + size_t{first + done} * w.k_padded;
      source.begin_step();
      if (n > kTileRows) {
        multiply_step<true>(tiles, source, a, w.k_padded, scratch.sums);
      } else {
        multiply_step<false>(tiles, source, a, w.k_padded, scratch.sums);
      }
      results.store_step(first + done, n, row);
    }
    uint8_t* unpacked = next_codes;
    next_codes = codes;
    codes = unpacked;
  }
}

void multiply_by_tiles(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                       uint32_t row_end, float* y, size_t y_stride, void* memory) {
  const GemmScratch scratch(memory, w.k_padded);
  Results results(w, x, row_begin, row_end, y, y_stride, scratch);
  if (x.m <= kStepRows) return multiply_few(w, x, row_begin, row_end, scratch, results);
  const uint32_t most = token_block(w.k_padded);
  for (uint32_t first = 0; first < x.m; first += most) {
    const uint32_t n_tokens = x.m - first < most ? x.m - first : most;
    multiply_token_block(w, x, row_begin, row_end, first, n_tokens, scratch, results);
  }
}
