// Products with blocks of 16 rows that hold five weights a byte, for targets with AVX512-VNNI: a
// lane is a row. Included inside the target's anonymous namespace, after zmm_tiles16-inl.h. What a
// byte means is told by a class with
//   kLayout
//   bytes_of(numbers)      bytes of the numbers 81 c0 + 27 c1 + 9 c2 + 3 c3 + c4
//   split(bytes, codes)    the five weights of each byte as (trit + kZero) << kShift
//   multiply_row(...)      dots of trits: a block of weights and one activation row

constexpr uint32_t kFives = 5;

template <class Bytes>
inline const uint8_t* fives_at(const TernaryMatrix& w, uint32_t row) {
  return w.data + ternary_bytes(Bytes::kLayout, row, w.k_padded);
}

inline __m512i triple(__m512i bytes) {
  return _mm512_add_epi8(_mm512_add_epi8(bytes, bytes), bytes);
}

// ---------------------------------------------------------------- packing

template <class Bytes>
void pack_fives(const uint8_t* rows, uint32_t k_padded, uint8_t* out) {
  constexpr uint32_t kGroups = 5;  // they are whole vectors
  constexpr size_t kGroupCodes = size_t{kTernaryGroup} * kBlockRows;
  alignas(64) uint8_t codes[kGroups * kGroupCodes];
  const uint32_t n_groups = k_padded / kTernaryGroup;
  for (uint32_t first = 0; first < n_groups; first += kGroups) {
    const uint32_t n = n_groups - first < kGroups ? n_groups - first : kGroups;
    for (uint32_t g = 0; g < n; ++g) {
      const uint8_t* group = rows + 32 * (first + g);
      for (uint32_t i = 0; i < 8; ++i) {
        const __m512i v = gather_dwords(group + 4 * i, k_padded / 4);
        unpack_vector(v, 64, codes + g * kGroupCodes + 64 * i);
      }
    }
    // Zero weights behind the last group.
    __builtin_memset(codes + n * kGroupCodes, 1, (kGroups - n) * kGroupCodes);
    const uint8_t* from = codes;
    for (uint32_t k = 0; k < n * kTernaryGroup; k += kFivesWeights, from += 64 * kFives) {
      __m512i number = _mm512_load_si512(from);
      for (uint32_t i = 1; i < kFives; ++i) {
        number = _mm512_add_epi8(triple(number), _mm512_load_si512(from + 64 * i));
      }
      _mm512_storeu_si512(out, Bytes::bytes_of(number));
      out += 64;
    }
  }
}

/// Codes of a block's steps (four columns each) [begin, end), `stride` bytes from step to step.
template <class Bytes>
inline void unpack_fives(const uint8_t* block, uint32_t begin, uint32_t end, size_t stride,
                         uint8_t* out) {
  const __m512i zero = _mm512_set1_epi8(Bytes::kZero - 1);
  for (uint32_t first = begin / kFives * kFives; first < end; first += kFives) {
    const uint8_t* vector = block + size_t{64} * (first / kFives);
    __m512i codes[kFives];
    Bytes::split(_mm512_load_si512(vector), codes);
    prefetch(vector, kPrefetchBytes);
#pragma GCC unroll 5
    for (uint32_t i = 0; i < kFives; ++i) {
      if (first + i < begin || first + i >= end) continue;
      _mm512_store_si512(out, _mm512_sub_epi8(_mm512_srli_epi16(codes[i], Bytes::kShift), zero));
      out += stride;
    }
  }
}

template <class Bytes>
void unpack_fives_group(const TernaryMatrix& w, uint32_t row, uint32_t /*row_end*/, uint32_t g,
                        uint8_t* out) {
  unpack_fives<Bytes>(fives_at<Bytes>(w, row), g * kGroupSteps, (g + 1) * kGroupSteps, 64, out);
}

template <class Bytes>
void unpack_fives_block(const uint8_t* block, uint32_t k_padded, uint8_t* panel) {
  unpack_fives<Bytes>(block, 0, k_padded / 4, kPanelBlocks * 64, panel);
}

// ---------------------------------------------------------------- products

/// Activations of m rows, 20 by 20. The last vector may reach beyond k_padded: there it is given a
/// copy with zeros behind.
template <uint32_t m>
struct FivesInput {
  FivesInput(const TernaryInput& x, uint32_t k_padded)
      : rows(x.q), stride(x.q_stride), whole(k_padded / kFivesWeights * kFivesWeights) {
    for (uint32_t t = 0; t < m; ++t) {
      __builtin_memcpy(last[t], rows + t * stride + whole, k_padded - whole);
    }
  }

  const int8_t* rows;
  size_t stride;
  uint32_t whole;  // columns in whole vectors
  int8_t last[m][kFivesWeights] = {};
};

template <class Bytes>
void gemv_fives_1(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                  uint32_t row_end, float* y) {
  const FivesInput<1> input(x, w.k_padded);
  for (uint32_t row = row_begin; row < row_end; row += kBlockRows) {
    const __m512i dots = Bytes::multiply_row(fives_at<Bytes>(w, row), w.k_padded, input, x.sum[0]);
    store_dots(dots, w, x, 0, row, rows_left(row, row_end), y);
  }
}

/// A few activation rows share the split weights.
template <class Bytes, uint32_t m>
void gemv_fives_m(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                  uint32_t row_end, float* y, size_t y_stride) {
  const FivesInput<m> input(x, w.k_padded);
  for (uint32_t row = row_begin; row < row_end; row += kBlockRows) {
    const uint8_t* vector = fives_at<Bytes>(w, row);
    __m512i sum[m];
    for (auto& lanes : sum) lanes = _mm512_setzero_si512();
    for (uint32_t k = 0; k < w.k_padded; k += kFivesWeights, vector += 64) {
      const bool inside = k < input.whole;
      const int8_t* q = inside ? input.rows + k : input.last[0];
      const size_t stride = inside ? input.stride : kFivesWeights;
      __m512i codes[kFives];
      Bytes::split(_mm512_load_si512(vector), codes);
      prefetch(vector, kPrefetchBytes);
#pragma GCC unroll 5
      for (uint32_t i = 0; i < kFives; ++i) {
#pragma GCC unroll 8
        for (uint32_t t = 0; t < m; ++t) {
          dot4_add(sum[t], codes[i], broadcast_4(q + t * stride + 4 * i));
        }
      }
    }
    for (uint32_t t = 0; t < m; ++t) {
      const __m512i zeros = _mm512_set1_epi32(Bytes::kZero * x.sum[t]);
      const __m512i dots = _mm512_sub_epi32(_mm512_srai_epi32(sum[t], Bytes::kShift), zeros);
      store_dots(dots, w, x, t, row, rows_left(row, row_end), y + t * y_stride);
    }
  }
}

template <class Bytes>
void gemv_fives(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin, uint32_t row_end,
                float* y, size_t y_stride) {
  switch (x.m) {
    case 1:
      return gemv_fives_1<Bytes>(w, x, row_begin, row_end, y);
    case 2:
      return gemv_fives_m<Bytes, 2>(w, x, row_begin, row_end, y, y_stride);
    case 3:
      return gemv_fives_m<Bytes, 3>(w, x, row_begin, row_end, y, y_stride);
    case 4:
      return gemv_fives_m<Bytes, 4>(w, x, row_begin, row_end, y, y_stride);
    case 5:
      return gemv_fives_m<Bytes, 5>(w, x, row_begin, row_end, y, y_stride);
    case 6:
      return gemv_fives_m<Bytes, 6>(w, x, row_begin, row_end, y, y_stride);
    case 7:
      return gemv_fives_m<Bytes, 7>(w, x, row_begin, row_end, y, y_stride);
    default:
      return gemv_fives_m<Bytes, 8>(w, x, row_begin, row_end, y, y_stride);
  }
}

template <class Bytes>
constexpr TernaryKernels kFivesKernels = {
    Bytes::kLayout,
    kBlockRows,
    kDirectTile,
    kTile,
    pack_fives<Bytes>,
    pack_tiles<kTile>,
    gemv_fives<Bytes>,
    gemm<Bytes::kLayout, unpack_fives_block<Bytes>>,
    scratch_bytes,
    multiply_blocks<Bytes::kLayout, unpack_fives_group<Bytes>>,
    multiply_grouped<FloatSteps, Bytes::kLayout, unpack_fives_group<Bytes>>};
