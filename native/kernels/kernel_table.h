#pragma once

// The contract between the engine and the kernels of one CPU target. Plain data and function
// pointers only: this header is compiled with every target's own instruction-set flags, so it must
// not bring in anything that could emit code.

#include <stddef.h>
#include <stdint.h>

#include "cpu/feature_bits.h"

namespace bitnet {

// ---------------------------------------------------------------- ternary weights

/// How ternary weights lie in memory: codes 0, 1, 2 mean -1, 0, +1. In the first two layouts a
/// 32-byte group holds 128 consecutive weights of one row as in I2_S files: byte j, bits 7-6, 5-4,
/// 3-2, 1-0 are the codes of weights j, j+32, j+64, j+96.
enum class TernaryLayout : uint8_t {
  /// Row after row: group g of row r at byte 32 * (r * k_padded / 128 + g). The order of files.
  kRows,
  /// Blocks of 16 rows: group g of a block is 8 vectors of 64 bytes; bytes 4r..4r+3 of vector v are
  /// bytes 4v..4v+3 of row r's group. A 16-lane vector then holds one dword of each row.
  kBlocks16,
  /// Blocks of 16 rows, four of them in a byte: byte 4r + j of vector v, of 16 bytes, has the codes
  /// of column 4v + j in rows r, r + 4, r + 8, r + 12, bits 7-6, 5-4, 3-2, 1-0. 64 is taken off it,
  /// so that it is a signed number.
  kQuads16,
  /// The compact one, 1.6 bits a weight. Blocks of 16 rows as ceil(k_padded / 20) vectors of 64
  /// bytes: byte 4r + j of vector v holds weights 20v + 4i + j, i = 0..4, of row r. Their codes are
  /// the digits of a number c of base 3, i = 0 foremost, and the byte is ceil(256 c / 243): a
  /// fraction of 256, so that tripling it moves the next digit out. Weights from k_padded on are 0.
  kFives16,
  /// The same places, a byte being 85 c0 + 27 c1 + 9 c2 + 3 c3 + c4: an index of 128 tells the
  /// weights once 85 c0 is taken off.
  kFives16By85,
};
/// Weights of a row in a vector of the compact layouts.
constexpr uint32_t kFivesWeights = 20;

constexpr bool is_compact(TernaryLayout layout) {
  return layout == TernaryLayout::kFives16 || layout == TernaryLayout::kFives16By85;
}

/// Bytes of rows, which must be whole blocks where the layout has blocks.
constexpr size_t ternary_bytes(TernaryLayout layout, size_t n_rows, uint32_t k_padded) {
  if (!is_compact(layout)) return n_rows * (k_padded / 4);
  return n_rows * 4 * ((k_padded + kFivesWeights - 1) / kFivesWeights);
}

/// A ternary matrix in one of the layouts, rows and columns padded with code 1 (zero weights):
/// w = (code - 1) * row_scales[row] * group_scales[row, column / group].
struct TernaryMatrix {
  const uint8_t* data;
  const float* row_scales;  ///< [n rounded up to 16]; one value for all rows, or 1, where fitting
  /// f16, null for none: kRows [n, k_padded / group], else [n / 16, k_padded / group, 16].
  const uint16_t* group_scales;
  uint32_t n;         ///< rows (outputs)
  uint32_t k;         ///< columns (inputs)
  uint32_t k_padded;  ///< k rounded up to kTernaryGroup
  uint32_t group;     ///< weights per group scale: 64 or 128; 0 without
};

/// Weights per 32-byte group, the unit of K in every layout.
constexpr uint32_t kTernaryGroup = 128;
/// Activations that share a scale where scales are per block.
constexpr uint32_t kActivationBlock = 32;
/// How far ahead of its load a weight line is prefetched; 2 to 8 KB measure the same.
constexpr size_t kPrefetchBytes = 4096;

/// Activations of a ternary product, in one of three forms.
struct TernaryInput {
  uint32_t m;
  /// int8 codes [m, q_stride], zero from k on; q_stride is a multiple of 128, at least k_padded.
  const int8_t* q;
  size_t q_stride;
  /// Per token: x[i, j] ~= q[i, j] / scale[i], scale = 127 / absmax; sum of the codes.
  const float* scale;  ///< [m]
  const int32_t* sum;  ///< [m]
  /// The same codes as `pack_x` leaves them; null when m <= m_direct.
  const int8_t* packed;
  /// Per block of 32: x[i, j] ~= q[i, j] * block_scale[i, j / 32]; sums of the codes.
  const float* block_scale;  ///< [m, q_stride / 32], f16 numbers
  const int32_t* block_sum;  ///< [m, q_stride / 32]
  /// Floats [m, x_stride], zero from k to k_padded.
  const float* x;
  size_t x_stride;
};

/// Functions that share one weight layout. Each computes y[i, r] for all i < x.m and rows r in
/// [row_begin, row_end); y has y_stride floats a row. Every target gives the same bits:
///   token   float(sum_j trit[r, j] * q[i, j]) * (row_scale / scale[i]); matrices without group
///           scales; the dot is exact below 2^23, which k <= 65536 codes within +-127 cannot reach
///   blocks  per block of 32 an exact dot; part = fma(float(dot), block_scale, part) from block to
///           block; at the end of a group total = fma(part, group_scale, total), part = 0; then
///           (total or, without group scales, part) * row_scale
///   floats  the same with part = fma(trit, x, part) from column to column
struct TernaryKernels {
  TernaryLayout layout;
  uint32_t n_multiple;  ///< rows of a block; shares of the work are multiples of it
  /// Largest m that `gemv` takes.
  uint32_t m_direct;
  /// Activation rows per tile of `pack_x`; 1 when gemm reads `q` itself.
  uint32_t m_tile;
  /// Packs n_multiple rows from kRows order (ternary_bytes of either). Null: layout is kRows.
  void (*pack)(const uint8_t* rows, uint32_t k_padded, uint8_t* out);
  /// Rewrites activation rows [begin, end) (multiples of m_tile, rows >= m as zeros) for `gemm`.
  /// `out` is the start of the packed array, [round_up(m, m_tile) * k_padded] bytes. May be null.
  void (*pack_x)(const TernaryInput& x, uint32_t k_padded, uint32_t begin, uint32_t end,
                 int8_t* out);
  /// Per-token codes, m <= m_direct.
  void (*gemv)(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin, uint32_t row_end,
               float* y, size_t y_stride);
  /// Per-token codes, any m; `scratch` is private to the caller's thread, 64-byte aligned, of
  /// scratch_bytes.
  void (*gemm)(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin, uint32_t row_end,
               float* y, size_t y_stride, void* scratch);
  size_t (*scratch_bytes)(uint32_t k_padded);
  /// Per-block codes, any m; `scratch` as for gemm.
  void (*multiply_blocks)(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                          uint32_t row_end, float* y, size_t y_stride, void* scratch);
  /// Float activations, any m. For reference and for models that need it, not for speed.
  void (*multiply_floats)(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                          uint32_t row_end, float* y, size_t y_stride, void* scratch);
};

// ---------------------------------------------------------------- output head

/// Formats of the token embedding, which is the head as well unless the model has its own.
enum class HeadType : uint8_t { kF32, kF16, kBF16, kQ8_0, kQ6_K };
constexpr size_t kHeadTypeCount = 5;

/// Weights of the head, rows in file order.
struct HeadMatrix {
  const uint8_t* data;
  uint32_t n;        ///< vocabulary
  uint32_t k;        ///< d_model
  size_t row_bytes;  ///< bytes of one row
};

/// Head activations. Float heads read `x`; Q8_0 and Q6_K heads read codes with one scale per 256
/// inputs, kept as unsigned bytes: x[j] ~= (q[j] - 128) * d[j / 256].
struct HeadInput {
  const float* x;  ///< [m, x_stride], zero from k to the next multiple of 16
  size_t x_stride;
  const uint8_t* q;  ///< [m, q_stride], 1 to 255, 128 from k on
  const float* d;    ///< [m, q_stride / 256]
  size_t q_stride;   ///< a multiple of 256
  uint32_t m;
};
constexpr uint32_t kHeadBlock = 256;

// ---------------------------------------------------------------- attention

/// Positions per chunk of the KV cache. Chunks begin at absolute multiples of it.
constexpr uint32_t kKvChunk = 64;
/// Positions (keys) or dimensions (values) that lie side by side in a chunk.
constexpr uint32_t kKvLane = 16;

/// Attention of consecutive positions of one sequence over one KV head.
/// Row i = t * group + h is query head h of position first_pos + t.
struct AttentionArgs {
  const float* q;  ///< query of row i at q + t * stride + h * head_dim, already rotated
  float* out;      ///< same shape and stride as q
  size_t stride;   ///< floats between positions
  uint32_t n_tokens;
  uint32_t group;  ///< query heads per KV head
  uint32_t head_dim;
  uint32_t first_pos;
  float q_scale;                 ///< log2(e) / sqrt(head_dim)
  const uint8_t* const* chunks;  ///< chunk base addresses, in order of position
  size_t k_offset;               ///< bytes from a chunk's base to this head's keys
  size_t v_offset;               ///< ... and values
  float* scratch;  ///< attention_scratch_floats(n_tokens * group, head_dim), 64-byte aligned;
                   ///< private to the call
};

/// A KV element type: keys lie as [4 lanes of positions][head_dim][16 positions], values as
/// [lanes of dimensions][64 positions][16 dimensions]. Of BF16, pairs of dimensions (of positions)
/// lie side by side: [head_dim / 2][16 positions][2], [32][16 dimensions][2]. Of int8 groups of
/// four do, head_dim rounded up to 4, and a float scale per position follows: [64].
///
/// `attend` does the whole of it, for many rows. `weigh` and `mix` are its two halves, for few rows
/// over many positions: first the weights of chunks [begin, end), then lanes [begin, end) of
/// dimensions from the weights of all chunks. Parts of a half may run on any threads and in any
/// order; the result has the bits of `attend`, since no sum crosses a chunk in the first half or a
/// lane in the second.
struct KvKernels {
  uint32_t elem_bytes;
  uint32_t scale_bytes;  ///< per position and head, of keys and of values each
  /// Stores one position (0..63 in its chunk) of one head; k, v are [head_dim].
  void (*store)(const float* k, const float* v, uint32_t head_dim, uint32_t pos_in_chunk,
                uint8_t* k_chunk, uint8_t* v_chunk);
  void (*attend)(const AttentionArgs& args);
  /// `weights` is [n_chunks, n_tokens * group, kWeightFloats], in a form of the type's own.
  void (*weigh)(const AttentionArgs& args, uint32_t chunk_begin, uint32_t chunk_end,
                float* weights);
  void (*mix)(const AttentionArgs& args, uint32_t lane_begin, uint32_t lane_end,
              const float* weights);
};
enum class KvType : uint8_t { kF32, kF16, kBF16, kInt8 };
constexpr size_t kKvTypeCount = 4;

constexpr uint32_t kv_padded_head_dim(uint32_t head_dim) {
  return (head_dim + kKvLane - 1) / kKvLane * kKvLane;
}
/// Bytes of one head's keys (or values) in a chunk.
constexpr size_t kv_chunk_bytes(uint32_t head_dim, const KvKernels& kv) {
  return size_t{kKvChunk} * (size_t{kv_padded_head_dim(head_dim)} * kv.elem_bytes + kv.scale_bytes);
}
/// Weights of one row and chunk: 64 probabilities and what rescales them.
constexpr size_t kWeightFloats = kKvChunk + kKvLane;
/// Rows that the scratch memory of a call has room for: whole tiles of 16.
constexpr size_t attention_scratch_rows(size_t n_rows) { return (n_rows + 15) / 16 * 16; }
/// Per row: scaled query, accumulated output, weights, 64 operands, 16 sums, one maximum (padded).
constexpr size_t attention_scratch_floats(size_t n_rows, uint32_t head_dim) {
  const size_t per_row =
      2 * size_t{kv_padded_head_dim(head_dim)} + kWeightFloats + kKvChunk + kKvLane + kKvLane;
  return attention_scratch_rows(n_rows) * per_row;
}

// ---------------------------------------------------------------- the table

/// A null slot means "as in the parent". Every float result is the same bits on every target.
struct KernelTable {
  const char* name;
  uint64_t required;          ///< CpuFeature bits, the parent's included
  const KernelTable* parent;  ///< null for scalar
  /// Best first, null-terminated; the parent's follow. The loader takes the first that fits.
  const TernaryKernels* const* ternary;

  /// One activation row to int8: scale = float(127 / max(absmax, 1e-5)), q = clamp(rne(x * scale),
  /// -128, 127), zero from k to k_padded. Source: arXiv:2402.17764 section 2.
  void (*quantize_row)(const float* x, uint32_t k, uint32_t k_padded, int8_t* q, float* scale,
                       int32_t* sum);
  /// The same with one scale per block of 32: d = float(f16(absmax / 127)), q = rne(x * (1 /
  /// (absmax / 127))); d and sum are [k_padded / 32].
  void (*quantize_blocks)(const float* x, uint32_t k, uint32_t k_padded, int8_t* q, float* d,
                          int32_t* sum);
  /// y = x / sqrt(mean(x^2) + eps) * w. Squares are summed in 64 lanes (lane j: x[i], i % 64 == j,
  /// by fused multiply-add), folded 32, 16, 8, 4, 2, 1. y may alias x.
  void (*rms_norm)(const float* x, const float* w, uint32_t n, float eps, float* y);
  void (*add)(float* x, const float* y, uint32_t n);                        ///< x += y
  void (*relu2_mul)(const float* g, const float* u, uint32_t n, float* y);  ///< max(g,0)^2 * u
  void (*silu_mul)(const float* g, const float* u, uint32_t n, float* y);   ///< g*sigmoid(g) * u
  /// g * (1 + tanh(sqrt(2/pi) * (g + 0.044715 g^3))) / 2 * u
  void (*gelu_mul)(const float* g, const float* u, uint32_t n, float* y);
  /// Rotates halves: (a, b) = (x[i], x[i + d/2]) -> (a*c - b*s, b*c + a*s), for every head.
  void (*rope)(float* x, uint32_t n_heads, uint32_t head_dim, const float* cos, const float* sin);
  /// Activations of the head; see HeadInput. d = absmax / 127 per 256, q = 128 + rne(x *
  /// (127/absmax)).
  void (*quantize_head)(const float* x, uint32_t k, uint8_t* q, float* d);
  /// logits [m, y_stride] of rows [row_begin, row_end).
  void (*head[kHeadTypeCount])(const HeadMatrix& w, const HeadInput& x, uint32_t row_begin,
                               uint32_t row_end, float* y, size_t y_stride);
  /// An F16 row of k weights, a multiple of 32, in Q8_0: d = f16(absmax / 127), code = rne(w * (127
  /// / absmax)). squares[0] is the sum of w^2, squares[1] that of (w - code * d)^2, in 32 lanes;
  /// NaN or infinite when a weight is.
  void (*copy_head_row)(const uint8_t* row, uint32_t k, uint8_t* copy, float* squares);
  KvKernels kv[kKvTypeCount];
};

extern const KernelTable kScalarTable;
extern const KernelTable kAvx2Table;
extern const KernelTable kAvxVnniTable;
extern const KernelTable kAvx512VnniTable;
extern const KernelTable kAvx512VbmiTable;
extern const KernelTable kAmxInt8Table;
extern const KernelTable kNeonTable;
extern const KernelTable kNeonDotprodTable;
extern const KernelTable kNeonI8mmTable;

}  // namespace bitnet
