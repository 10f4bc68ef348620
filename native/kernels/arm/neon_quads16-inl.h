// What the ternary kernels of all NEON targets share: weights in blocks of 16 rows, four of them in
// a byte (TernaryLayout::kQuads16). Included after neon_products-inl.h.
//
// The four codes of a byte belong to one column, so the same activation multiplies them all, and a
// dot product can take them together: three masks give four sums, of the fields c1, c2, c3 and of
// the byte itself, which is signed as it lies. What the fields leave of the byte's sum is c0's.

constexpr uint32_t kLineColumns = 16;

/// 16 activations. (A function, since packs of arguments cannot expand into macros.)
inline int8x16_t load_x(const int8_t* p) { return vld1q_s8(p); }

/// 64 bytes of a block: 16 columns.
struct Line {
  int8x16_t part[4];
};
inline Line load_line(const uint8_t* p) {
  prefetch(p, kPrefetchBytes);
  return {{load_packed(p), load_packed(p + 16), load_packed(p + 32), load_packed(p + 48)}};
}

/// 16 bytes of a row in file order, as codes of four planes.
struct Planes {
  uint8x16_t plane[4];
};
inline Planes load_planes(const uint8_t* p) {
  const uint8x16_t v = vld1q_u8(p);
  const uint8x16_t mask = vdupq_n_u8(3);
  return {{vshrq_n_u8(v, 6), vandq_u8(vshrq_n_u8(v, 4), mask), vandq_u8(vshrq_n_u8(v, 2), mask),
           vandq_u8(v, mask)}};
}

inline void pack(const uint8_t* rows, uint32_t k_padded, uint8_t* out) {
  const size_t row_bytes = k_padded / 4;
  for (size_t at = 0; at < row_bytes; at += 16) {
    uint32x4x4_t lines[4];  // by plane: 16 columns
    for (uint32_t r = 0; r < 4; ++r) {
      const uint8_t* from = rows + r * row_bytes + at;
      const Planes c[4] = {load_planes(from), load_planes(from + 4 * row_bytes),
                           load_planes(from + 8 * row_bytes), load_planes(from + 12 * row_bytes)};
      for (uint32_t p = 0; p < 4; ++p) {
        uint8x16_t v = vsliq_n_u8(c[1].plane[p], c[0].plane[p], 2);
        v = vsliq_n_u8(c[2].plane[p], v, 2);
        v = vsliq_n_u8(c[3].plane[p], v, 2);
        lines[p].val[r] = vreinterpretq_u32_u8(vsubq_u8(v, vdupq_n_u8(64)));
      }
    }
    for (uint32_t p = 0; p < 4; ++p) {
      const size_t column = at / 32 * kTernaryGroup + size_t{32} * p + at % 32;
      vst4q_u32(reinterpret_cast<uint32_t*>(out + 4 * column), lines[p]);
    }
  }
}

/// The fields of a vector, or what they hold; four columns of rows 4f to 4f + 3 in part f.
struct Fields {
  int8x16_t part[4];
};
/// The trits of part 0, the codes of the others.
inline Fields trits_and_codes(int8x16_t v) {
  const int8x16_t mask = vdupq_n_s8(3);
  return {{vshrq_n_s8(v, 6), vandq_s8(vshrq_n_s8(v, 4), mask), vandq_s8(vshrq_n_s8(v, 2), mask),
           vandq_s8(v, mask)}};
}
inline Fields load_fields(const uint8_t* p) {
  return {{load_packed(p), load_packed(p + 16), load_packed(p + 32), load_packed(p + 48)}};
}
inline void store_fields(const Fields& fields, uint8_t* p) {
  for (int f = 0; f < 4; ++f) vst1q_s8(reinterpret_cast<int8_t*>(p) + 16 * f, fields.part[f]);
}

/// Dots of trits and activations. Part 0 of `dots` is of trits already, the others are of codes.
inline I32x16 exact_dots(const I32x16& dots, int32_t q_sum) {
  const int32x4_t offset = vdupq_n_s32(q_sum);
  return {{dots.part[0], vsubq_s32(dots.part[1], offset), vsubq_s32(dots.part[2], offset),
           vsubq_s32(dots.part[3], offset)}};
}

/// y of up to 16 rows and one token.
inline void store_rows(const F32x16& result, uint32_t row, uint32_t row_end, float* y) {
  const uint32_t n_rows = rows_left(row, row_end);
  if (n_rows == kRowLanes) {
    store(result, y + row);
  } else {
    store_partial(result, y + row, n_rows);
  }
}
inline void store_rows(const I32x16& exact, const TernaryMatrix& w, const TernaryInput& x,
                       uint32_t token, uint32_t row, uint32_t row_end, float* y) {
  const F32x16 factor = div(load(w.row_scales + row), set1(x.scale[token]));
  store_rows(mul(to_f32(exact), factor), row, row_end, y);
}
