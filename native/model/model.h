#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/dispatch.h"
#include "model/arch.h"
#include "model/hparams.h"
#include "model/weights.h"

namespace bitnet {

/// Everything needed to load a model; what the caller read from the file's metadata.
struct ModelSpec {
  std::vector<std::string> files;
  Hparams hparams;
  std::vector<TensorSpec> tensors;
  std::vector<AdapterSpec> adapters;
  unsigned n_threads = 1;
  bool mmap = false;
  WeightForm form = WeightForm::kFast;
  const Kernels* kernels = nullptr;  ///< null: what select_kernels() chooses
  bool head_copy = true;             ///< see CoarseHead
};

/// A loaded model, constant from then on: any number of forward passes may share it.
class Model {
 public:
  /// Throws Error; see validate(), find_arch(), select_kernels() and Weights.
  Model(const ModelSpec& spec, const LoadProgress& progress)
      : hparams((validate(spec.hparams), spec.hparams)),
        arch(find_arch(spec.hparams.family)),
        kernels(spec.kernels == nullptr ? select_kernels() : *spec.kernels),
        weights({&spec.files, &spec.tensors, &spec.adapters, spec.mmap, spec.form, spec.head_copy,
                 spec.n_threads},
                hparams, arch, kernels, progress),
        activation_mode(mode_of(hparams, weights)) {}

  const Hparams hparams;
  const Arch& arch;
  const Kernels kernels;
  const Weights weights;
  const ActivationMode activation_mode;

 private:
  /// One scale a token goes with one scale a matrix: weights with more were trained with 16-bit
  /// inputs (TriLM), which blocks of int8 are near to.
  static ActivationMode mode_of(const Hparams& h, const Weights& w) {
    const bool token = h.activation_mode == ActivationMode::kToken;
    return token && w.has_several_scales ? ActivationMode::kBlocks : h.activation_mode;
  }
};

}  // namespace bitnet
