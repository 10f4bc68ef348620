// The choice of a target and what every target owes to the engine.

#include <cstdlib>
#include <set>
#include <string>

#include "cpu/features.h"
#include "selftest/support.h"
#include "selftest/targets.h"
#include "selftest/with_env.h"

namespace bitnet::selftest {
namespace {

BITNET_TEST(kernels_targets) {
  std::set<std::string> names;
  for (const KernelTable* target : kernel_targets()) {
    CHECK(names.insert(target->name).second);
    if (target->parent == nullptr) continue;
    CHECK_EQ(target->required & target->parent->required, target->parent->required);
  }
  CHECK_EQ(std::string(kernel_targets().back()->name), "scalar");
  CHECK(kernel_runnable(kScalarTable));
  CHECK(!runnable_targets().empty());
}

BITNET_TEST(kernels_targets_are_complete) {
  for (const Kernels& target : runnable_targets()) {
    const KernelTable& t = target.table;
    CHECK(t.quantize_row && t.quantize_blocks && t.quantize_head);
    CHECK(t.rms_norm && t.add && t.relu2_mul && t.silu_mul && t.gelu_mul && t.rope);
    for (const auto& head : t.head) CHECK(head != nullptr);
    CHECK_EQ(t.kv[static_cast<size_t>(KvType::kF32)].elem_bytes, 4u);
    CHECK_EQ(t.kv[static_cast<size_t>(KvType::kF16)].elem_bytes, 2u);
    for (const KvKernels& kv : t.kv) CHECK(kv.store && kv.attend && kv.weigh && kv.mix);

    // Weights in a mapped file need kernels that take the order of files.
    CHECK(!target.ternary.empty());
    CHECK(target.ternary.back()->layout == TernaryLayout::kRows);
    for (const TernaryKernels* k : target.ternary) {
      CHECK_EQ(k->pack == nullptr, k->layout == TernaryLayout::kRows);
      CHECK_EQ(k->pack_x == nullptr, k->m_tile == 1);
      CHECK(k->m_direct >= 1 && k->n_multiple >= 1 && k->m_tile >= 1);
      CHECK(k->gemv && k->gemm && k->scratch_bytes);
      CHECK(k->multiply_blocks && k->multiply_floats);
    }
  }
}

BITNET_TEST(kernels_selection) {
  {
    const WithEnv nothing("BITNET_KERNEL", nullptr);
    size_t first = 0;
    while (!kernel_runnable(*kernel_targets()[first])) first++;
    CHECK_EQ(std::string(select_kernels().table.name), kernel_targets()[first]->name);
  }
  for (const KernelTable* target : kernel_targets()) {
    if (!kernel_runnable(*target)) continue;
    const WithEnv forced("BITNET_KERNEL", target->name);
    CHECK_EQ(std::string(select_kernels().table.name), target->name);
    CHECK(select_kernels().ternary == select_kernels(target->name).ternary);
  }
  CHECK_EQ(error_of([] { select_kernels("abacus"); }), "E_UNSUPPORTED");
  const WithEnv unknown("BITNET_KERNEL", "abacus");
  CHECK_EQ(error_of([] { select_kernels(); }), "E_UNSUPPORTED");
  for (const KernelTable* target : kernel_targets()) {
    if (kernel_runnable(*target)) continue;
    CHECK_EQ(error_of([&] { select_kernels(target->name); }), "E_UNSUPPORTED");
  }
}

BITNET_TEST(kernels_weight_forms) {
  for (const Kernels& target : runnable_targets()) {
    const TernaryKernels& fast = choose_ternary(target, WeightForm::kFast);
    // Whatever computes with vectors wants a row a lane.
    const bool vectors = std::string(target.table.name) != "scalar";
    CHECK(!is_compact(fast.layout));
    CHECK_EQ(fast.layout == TernaryLayout::kRows, !vectors);
    CHECK(choose_ternary(target, WeightForm::kInPlace).layout == TernaryLayout::kRows);
    const TernaryKernels& compact = choose_ternary(target, WeightForm::kCompact);
    if (has_compact(target)) {
      CHECK(is_compact(compact.layout));
    } else {
      CHECK(&compact == &fast);
    }
  }
  CHECK(!has_compact(select_kernels("scalar")));
}

BITNET_TEST(kernels_cpu_features) {
  // Every feature that a target can ask for has a name for the message.
  for (const KernelTable* target : kernel_targets()) {
    size_t n_bits = 0;
    for (uint64_t bits = target->required; bits != 0; bits &= bits - 1) n_bits++;
    CHECK_EQ(cpu_feature_names(target->required).size(), n_bits);
  }
  CHECK(!cpu_info().arch.empty());
  CHECK(!cpu_info().brand.empty());
}

}  // namespace
}  // namespace bitnet::selftest
