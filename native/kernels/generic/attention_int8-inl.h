// Attention over an int8 KV cache. Included inside the target's anonymous namespace, after
// attention-inl.h. The target defines kByteRows x kByteBlocks, a register tile, and exact products
// of 16 groups of four bytes:
//   Bytes                           64 bytes, from load_keys(p) or load_values(p)
//   Dots                            16 int32 sums: dots_of(start), to_f32(dots)
//   add_keys(dots, keys, four)      dots[i] += sum_j (keys[4i+j] + kKeyBias) * four[j], all signed
//   add_values(dots, values, four)  dots[i] += sum_j values[4i+j] * four[j], `four` unsigned
//   store_u8(v, p)                  16 bytes, rounded half to even, 0 <= v < 255.5
//
// A head's keys, values and queries of one position share a scale: step = absmax / 127,
// code = rne(x * (127 / absmax)). Beyond the order in attention-inl.h:
//   score    s_j = float(dot) * (q_step * k_step[j]); q_step holds log2(e) / sqrt(head_dim)
//   weights  w_j = p_j * v_step[j]; top = max w_j; u_j = rne(w_j * (255 / top)), an unsigned byte
//   sum      lane sums of the chunk's p_j alone, from 0, are added times 2^(m - M')
//   output   += float(dot of the u_j with the values' codes) * (top / 255 * 2^(m - M')), fused
// Dots are exact integers, and exact as floats for head_dim <= 1040.

struct KeySide {
  using Code = int8_t;
  static inline Bytes load(const uint8_t* p) { return load_keys(p); }
  static inline void add(Dots& dots, const Bytes& b, const Code* four) { add_keys(dots, b, four); }
};
struct ValueSide {
  using Code = uint8_t;
  static inline Bytes load(const uint8_t* p) { return load_values(p); }
  static inline void add(Dots& dots, const Bytes& b, const Code* four) {
    add_values(dots, b, four);
  }
};

constexpr uint32_t kGroupBytes = 4 * kLanes;  ///< a group of four of each lane

/// The second operand of a product: blocks of 16 lanes, `stride` bytes apart, of n_groups groups.
struct BytePanel {
  const uint8_t* lanes;
  const uint8_t* next;  ///< the same of the next chunk, to be fetched; null: not
  size_t stride;
  uint32_t n_groups;
};

/// The first operand: codes of some rows, and what their dots begin with.
template <class Side>
struct ByteRows {
  const typename Side::Code* codes;
  size_t stride;
  const int32_t* start;
};

/// take(row, block, float(dots)) of rows x blocks.
template <class Side, uint32_t rows, uint32_t blocks, bool fetch, class Take>
static inline void byte_tile(const ByteRows<Side>& a, uint32_t row, const BytePanel& b,
                             uint32_t block, const Take& take) {
  Dots dots[rows][blocks];
  unroll<rows, blocks>(
      [&](auto r, auto n) { dots[r.value][n.value] = dots_of(a.start[row + r.value]); });
  const uint8_t* lanes = b.lanes + block * b.stride;
  const uint8_t* next = fetch ? b.next + block * b.stride : nullptr;
  const auto* codes = a.codes + row * a.stride;
  for (const auto* end = codes + size_t{4} * b.n_groups; codes < end; codes += 4) {
    Bytes bytes[blocks];
    unroll<blocks>([&](auto n) {
      if constexpr (fetch) prefetch_l2(next + n.value * b.stride);
      bytes[n.value] = Side::load(lanes + n.value * b.stride);
    });
    unroll<rows, blocks>([&](auto r, auto n) {
      Side::add(dots[r.value][n.value], bytes[n.value], codes + r.value * a.stride);
    });
    lanes += kGroupBytes;
    if constexpr (fetch) next += kGroupBytes;
  }
  unroll<rows, blocks>([&](auto r, auto n) {
    take(row + r.value, block + n.value, to_f32(dots[r.value][n.value]));
  });
}

/// The same for rows [row, n_rows), of at most kAttentionRows, `rows` at a time; the first ones
/// fetch.
template <class Side, uint32_t rows, uint32_t blocks, bool fetch, class Take>
static inline void byte_rows(uint32_t n_rows, const ByteRows<Side>& a, uint32_t row,
                             const BytePanel& b, uint32_t block, const Take& take) {
  if (row + rows <= n_rows) {
    byte_tile<Side, rows, blocks, fetch>(a, row, b, block, take);
    if (row + rows == n_rows) return;
    if constexpr (rows < kAttentionRows) {
      byte_rows<Side, rows, blocks, false>(n_rows, a, row + rows, b, block, take);
    }
    return;
  }
  if constexpr (rows > 1) byte_rows<Side, rows - 1, blocks, fetch>(n_rows, a, row, b, block, take);
}

/// The same for blocks [block, n_blocks).
template <class Side, uint32_t blocks, bool fetch, class Take>
static inline void byte_blocks(uint32_t n_rows, const ByteRows<Side>& a, const BytePanel& b,
                               uint32_t block, uint32_t n_blocks, const Take& take) {
  for (; block + blocks <= n_blocks; block += blocks) {
    byte_rows<Side, kByteRows, blocks, fetch>(n_rows, a, 0, b, block, take);
  }
  if constexpr (blocks > 1) byte_blocks<Side, 1, fetch>(n_rows, a, b, block, n_blocks, take);
}

/// The same for any number of rows and blocks; what comes from memory as one stream.
template <class Side, class Take>
static inline void byte_product(uint32_t n_rows, const ByteRows<Side>& a, const BytePanel& b,
                                uint32_t n_blocks, const Take& take) {
  if (b.next == nullptr) {
    return byte_blocks<Side, kByteBlocks, false>(n_rows, a, b, 0, n_blocks, take);
  }
  byte_blocks<Side, 1, true>(n_rows, a, b, 0, n_blocks, take);
}

/// 127 / absmax, or 0 where that would not be a finite float.
static inline float code_factor(float absmax) {
  return absmax >= kSmallestAbsmax ? 127.0f / absmax : 0.0f;
}

/// absmax / 127, finite even where absmax (and so each code) is not: what nobody sees of a reused
/// chunk is multiplied by 0.
static inline float code_step(float absmax) {
  constexpr float kLargest = 0x1.fffffep127f;
  return (absmax < kLargest ? absmax : kLargest) / 127.0f;
}

struct Int8Kv {
  // A record is a row's 64 weights as bytes, then floats.
  static constexpr size_t kSums = 16;  ///< [16] lane sums of the probabilities
  static constexpr size_t kStep = 32;  ///< top / 255
  static constexpr size_t kMaximum = 33;
  static constexpr size_t kRecordFloats = 48;
  static_assert(kRecordFloats <= kWeightFloats);

  /// Bytes before the steps of a chunk's keys or values.
  static size_t codes_bytes(uint32_t head_dim) {
    return size_t{kKvChunk} * kv_padded_head_dim(head_dim);
  }
  static uint32_t key_groups(uint32_t head_dim) { return (head_dim + 3) / 4; }

  static void store_position(const float* k, const float* v, uint32_t head_dim,
                             uint32_t pos_in_chunk, uint8_t* k_chunk, uint8_t* v_chunk) {
    const size_t step_at = codes_bytes(head_dim) + pos_in_chunk * sizeof(float);
    const float k_max = abs_max(k, head_dim);
    const float v_max = abs_max(v, head_dim);
    const float steps[] = {code_step(k_max), code_step(v_max)};
    __builtin_memcpy(k_chunk + step_at, steps, sizeof(float));
    __builtin_memcpy(v_chunk + step_at, steps + 1, sizeof(float));
    uint8_t* keys = k_chunk + size_t{pos_in_chunk / kLanes} * key_groups(head_dim) * kGroupBytes +
                    pos_in_chunk % kLanes * 4;
    uint8_t* values = v_chunk + size_t{pos_in_chunk / 4} * kGroupBytes + pos_in_chunk % 4;
    for (uint32_t d = 0; d < head_dim; d += kLanes, values += kKvChunk * kLanes) {
      const uint32_t n = head_dim - d < kLanes ? head_dim - d : kLanes;
      alignas(16) int8_t codes[kLanes];
      quantize_codes(k + d, n, kLanes, code_factor(k_max), codes);
      for (uint32_t i = 0; i < n; i += 4) {
        __builtin_memcpy(keys + size_t{(d + i) / 4} * kGroupBytes, codes + i, 4);
      }
      quantize_codes(v + d, n, kLanes, code_factor(v_max), codes);
      for (uint32_t i = 0; i < n; ++i) values[size_t{4} * i] = static_cast<uint8_t>(codes[i]);
    }
  }

  // A row's query: its codes as bytes, then its step and what its dots begin with.
  static int8_t* query_codes(const AttentionCall& call, uint32_t r) {
    return reinterpret_cast<int8_t*>(call.query(r));
  }
  static float* query_step(const AttentionCall& call, uint32_t r) {
    return call.query(r) + call.query_dims / 4;
  }

  static void prepare(const AttentionCall& call) {
    const uint32_t head_dim = call.args.head_dim;
    for (uint32_t r = 0; r < call.n_rows; ++r) {
      const float* q = call.args.q + call.at(r);
      const float absmax = abs_max(q, head_dim);
      int8_t* codes = query_codes(call, r);
      quantize_codes(q, head_dim, call.query_dims, code_factor(absmax), codes);
      int32_t sum = 0;
      for (uint32_t d = 0; d < head_dim; ++d) sum += codes[d];
      const int32_t start = -kKeyBias * sum;
      float* step = query_step(call, r);
      step[0] = absmax / 127.0f * call.args.q_scale;
      __builtin_memcpy(step + 1, &start, sizeof start);
    }
  }

  static void weigh(const AttentionCall& call, const AttentionStep& step, float* records) {
    const AttentionArgs& args = call.args;
    const size_t steps_at = codes_bytes(args.head_dim);
    const auto* k_steps = reinterpret_cast<const float*>(step.chunk + args.k_offset + steps_at);
    const auto* v_steps = reinterpret_cast<const float*>(step.chunk + args.v_offset + steps_at);
    if (step.next != nullptr) {
      for (uint32_t j = 0; j < kKvChunk; j += kLanes) {
        prefetch_l2(step.next + args.k_offset + steps_at + j * sizeof(float));
        prefetch_l2(step.next + args.v_offset + steps_at + j * sizeof(float));
      }
    }
    float q_step[kAttentionRows] = {};
    int32_t start[kAttentionRows] = {};
    for (uint32_t r = 0; r < step.n_rows; ++r) {
      const float* row = query_step(call, step.row + r);
      q_step[r] = row[0];
      __builtin_memcpy(start + r, row + 1, sizeof(int32_t));
    }
    const uint32_t n_groups = key_groups(args.head_dim);
    const uint32_t n_blocks = (step.most_visible(call) + kLanes - 1) / kLanes;
    byte_product<KeySide>(
        step.n_rows, {query_codes(call, step.row), call.query_dims * sizeof(float), start},
        {step.chunk + args.k_offset, step.next == nullptr ? nullptr : step.next + args.k_offset,
         size_t{n_groups} * kGroupBytes, n_groups},
        n_blocks, [&](uint32_t r, uint32_t block, F32x16 dots) {
          const F32x16 scale = mul(set1(q_step[r]), load(k_steps + block * kLanes));
          store(mul(dots, scale), call.operands + r * kKvChunk + block * kLanes);
        });
    float maxima[kAttentionRows];
    softmax_rows(call, step, call.operands, kKvChunk, maxima);
    for (uint32_t r = 0; r < step.n_rows; ++r) {
      float* record = records + r * kRecordFloats;
      record[kMaximum] = maxima[r];
      quantize_weights(call.operands + r * kKvChunk, v_steps, record);
    }
  }

  static inline void quantize_weights(float* p, const float* v_steps, float* record) {
    F32x16 sums = zero();
    F32x16 tops = zero();
    F32x16 scaled[kKvChunk / kLanes];
    for (uint32_t j = 0; j < kKvChunk / kLanes; ++j) {
      const F32x16 weight = load(p + j * kLanes);
      sums = add(sums, weight);
      scaled[j] = mul(weight, load(v_steps + j * kLanes));
      tops = max(tops, scaled[j]);
    }
    constexpr float kSmallestTop = 0x1p-119f;  // below it 255 / top would not be a finite float
    const float top = max_lane(tops);
    const F32x16 factor = set1(top >= kSmallestTop ? 255.0f / top : 0.0f);
    auto* codes = reinterpret_cast<uint8_t*>(record);
    for (uint32_t j = 0; j < kKvChunk / kLanes; ++j) {
      store_u8(mul(scaled[j], factor), codes + j * kLanes);
    }
    store(sums, record + kSums);
    record[kStep] = top / 255.0f;
  }

  static void mix(const AttentionCall& call, const AttentionStep& step, const float* records) {
    static constexpr int32_t kNoStart[kAttentionRows] = {};
    F32x16 scale[kAttentionRows];
    for (uint32_t r = 0; r < step.n_rows; ++r) {
      const RowSums row = call.row(step.row + r);
      const float* record = records + r * kRecordFloats;
      const F32x16 down = raise_maximum<false>(row, record[kMaximum], call.n_dims());
      store(add(load(row.sums), mul(load(record + kSums), down)), row.sums);
      scale[r] = mul(set1(record[kStep]), down);
    }
    constexpr size_t kStride = size_t{kKvChunk} * kLanes;
    const size_t offset = call.args.v_offset + call.lane * kStride;
    float* output = call.row(step.row).output;
    byte_product<ValueSide>(
        step.n_rows,
        {reinterpret_cast<const uint8_t*>(records), kRecordFloats * sizeof(float), kNoStart},
        {step.chunk + offset, step.next == nullptr ? nullptr : step.next + offset, kStride,
         (step.most_visible(call) + 3) / 4},
        call.n_lanes, [&](uint32_t r, uint32_t lane, F32x16 dots) {
          float* out = output + r * call.n_dims() + lane * kLanes;
          store(fma(dots, scale[r], load(out)), out);
        });
  }
};
