// The slots that every target fills from the generic code. A target's table reads:
//   const KernelTable kFooTable = {name, required, parent, ternary, BITNET_GENERIC_SLOTS};
// clang-format off
#define BITNET_GENERIC_KV(elem_bytes, scale_bytes, store, Kv) \
  {elem_bytes, scale_bytes, store, attend<Kv>, weigh<Kv>, mix<Kv>}
#define BITNET_GENERIC_SLOTS                                                                   \
  quantize_row, quantize_blocks, rms_norm, add_rows,                                           \
  map_pairs<relu2_mul_lanes>, map_pairs<silu_mul_lanes>, map_pairs<gelu_mul_lanes>,            \
  rope, quantize_head,                                                                         \
  {head<FloatRow<WeightsF32>>, head<FloatRow<WeightsF16>>, head<FloatRow<WeightsBF16>>,        \
   head<Q80Row>, head<Q6KRow>}, copy_head_row,                                                 \
  {BITNET_GENERIC_KV(4, 0, kv_store<KvF32>, FloatKv<KvF32>),                                   \
   BITNET_GENERIC_KV(2, 0, kv_store<KvF16>, FloatKv<KvF16>),                                   \
   BITNET_GENERIC_KV(2, 0, kv_store<KvBF16>, FloatKv<KvBF16>),                                 \
   BITNET_GENERIC_KV(1, 4, Int8Kv::store_position, Int8Kv)}
// clang-format on
