#include "kernels/dispatch.h"

#include <algorithm>
#include <cstddef>

#include "base/error.h"
#include "cpu/features.h"

namespace bitnet {
namespace {

template <class Slot>
void inherit(Slot& slot, const Slot& from) {
  if (slot == nullptr) slot = from;
}

void fill_from(KernelTable& table, const KernelTable& parent) {
  inherit(table.quantize_row, parent.quantize_row);
  inherit(table.quantize_blocks, parent.quantize_blocks);
  inherit(table.rms_norm, parent.rms_norm);
  inherit(table.add, parent.add);
  inherit(table.relu2_mul, parent.relu2_mul);
  inherit(table.silu_mul, parent.silu_mul);
  inherit(table.gelu_mul, parent.gelu_mul);
  inherit(table.rope, parent.rope);
  inherit(table.quantize_head, parent.quantize_head);
  for (size_t i = 0; i < kHeadTypeCount; ++i) inherit(table.head[i], parent.head[i]);
  inherit(table.copy_head_row, parent.copy_head_row);
  for (size_t i = 0; i < kKvTypeCount; ++i) {
    KvKernels& kv = table.kv[i];
    const KvKernels& from = parent.kv[i];
    kv.elem_bytes = from.elem_bytes;
    kv.scale_bytes = from.scale_bytes;
    inherit(kv.store, from.store);
    inherit(kv.attend, from.attend);
    inherit(kv.weigh, from.weigh);
    inherit(kv.mix, from.mix);
  }
}

bool takes(const TernaryKernels& kernels, WeightForm form) {
  switch (form) {
    case WeightForm::kFast:
      return !is_compact(kernels.layout);
    case WeightForm::kCompact:
      return is_compact(kernels.layout);
    case WeightForm::kInPlace:
      break;
  }
  return kernels.layout == TernaryLayout::kRows;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace

const std::vector<const KernelTable*>& kernel_targets() {
  static const std::vector<const KernelTable*> targets = {
#if defined(__x86_64__)
      &kAmxInt8Table, &kAvx512VbmiTable, &kAvx512VnniTable, &kAvxVnniTable, &kAvx2Table,
#elif defined(__aarch64__)
      &kNeonI8mmTable,
      &kNeonDotprodTable,
      &kNeonTable,
#endif
      &kScalarTable,
  };
  return targets;
}

Kernels resolve_kernels(const KernelTable& target, const char* reason) {
  Kernels kernels = {target, {}, reason};
  for (const KernelTable* t = &target; t != nullptr; t = t->parent) {
    fill_from(kernels.table, *t);
    for (auto* const* row = t->ternary; row != nullptr && *row != nullptr; ++row) {
      kernels.ternary.push_back(*row);
    }
  }
  return kernels;
}

bool kernel_runnable(const KernelTable& target) {
  return (target.required & ~cpu_info().features) == 0;
}

Kernels select_kernels(const std::string& name) {
  std::vector<std::string> names;
  for (const KernelTable* target : kernel_targets()) {
    names.emplace_back(target->name);
    if (name != target->name) continue;
    if (!kernel_runnable(*target)) {
      const auto missing = cpu_feature_names(target->required & ~cpu_info().features);
      throw Error(ErrorCode::kUnsupported,
                  "kernel target " + name + " cannot run here: this CPU lacks " + joined(missing));
    }
    return resolve_kernels(*target, "forced by BITNET_KERNEL");
  }
  throw Error(ErrorCode::kUnsupported, "unknown kernel target \"" + name + "\" in BITNET_KERNEL",
              "use one of " + joined(names) + ", or unset BITNET_KERNEL");
}

Kernels select_kernels() {
  const std::string forced = forced_kernel_name();
  if (!forced.empty()) return select_kernels(forced);
  for (const KernelTable* target : kernel_targets()) {
    if (kernel_runnable(*target))
      return resolve_kernels(*target, "the most capable that this CPU runs");
  }
  return resolve_kernels(kScalarTable, "the only one");
}

const TernaryKernels& choose_ternary(const Kernels& kernels, WeightForm form) {
  if (form == WeightForm::kCompact && !has_compact(kernels)) form = WeightForm::kFast;
  return **std::find_if(kernels.ternary.begin(), kernels.ternary.end(),
                        [&](const TernaryKernels* k) { return takes(*k, form); });
}

bool has_compact(const Kernels& kernels) {
  return std::any_of(kernels.ternary.begin(), kernels.ternary.end(),
                     [](const TernaryKernels* k) { return takes(*k, WeightForm::kCompact); });
}

}  // namespace bitnet
