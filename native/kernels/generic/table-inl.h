// The slots that every target fills from the generic code. A target's table reads:
//   const KernelTable kFooTable = {name, required, parent, ternary, BITNET_GENERIC_SLOTS};
// clang-format off
#define BITNET_GENERIC_SLOTS                                                                   \
  quantize_row, quantize_blocks, rms_norm, add_rows,                                           \
  map_pairs<relu2_mul_lanes>, map_pairs<silu_mul_lanes>, map_pairs<gelu_mul_lanes>,            \
  rope, quantize_head,                                                                         \
  {head<FloatRow<WeightsF32>>, head<FloatRow<WeightsF16>>, head<FloatRow<WeightsBF16>>,        \
   head<Q80Row>, head<Q6KRow>},                                                                \
  {{4, kv_store<KvF32>, attend<KvF32>}, {2, kv_store<KvF16>, attend<KvF16>},                   \
   {2, kv_store<KvBF16>, attend<KvBF16>}}
// clang-format on
