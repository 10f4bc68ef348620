import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { AddonHparams } from "../../src/engine/binding.ts";

/** Families by the classes of their checkpoints. */
const FAMILIES: Readonly<Record<string, string>> = {
  BitNetForCausalLM: "bitnet-b1.58",
  BitnetForCausalLM: "bitnet",
  LlamaForCausalLM: "llama",
  Qwen3ForCausalLM: "qwen3",
  Qwen3Model: "qwen3",
  Gemma3TextModel: "gemma3",
};

const ACTIVATIONS: Readonly<Record<string, AddonHparams["activation"]>> = {
  relu2: "relu2",
  silu: "silu",
  gelu_pytorch_tanh: "gelu",
};

/** What the engine is to be told of a checkpoint, read apart from the code under test. */
export function hparamsOfConfig(dir: string, configFile = "config.json"): AddonHparams {
  const config = JSON.parse(readFileSync(join(dir, configFile), "utf8"));
  const number = (key: string): number => config[key] ?? Number.NaN;
  const scaling = config["rope_scaling"];
  const family = FAMILIES[config["architectures"][0]] ?? "";
  const hiddenAct = config["hidden_act"] ?? config["hidden_activation"];
  return {
    family,
    nLayers: number("num_hidden_layers"),
    dModel: number("hidden_size"),
    dFf: number("intermediate_size"),
    nHeads: number("num_attention_heads"),
    nKvHeads: number("num_key_value_heads"),
    headDim: config["head_dim"] ?? number("hidden_size") / number("num_attention_heads"),
    vocabSize: number("vocab_size"),
    contextLength: number("max_position_embeddings"),
    rmsNormEps: number("rms_norm_eps"),
    ropeTheta: number("rope_theta"),
    activation: ACTIVATIONS[hiddenAct] ?? "relu2",
    // Weights written as numbers, no word of BitNet: trained with 16-bit activations.
    activationMode: config["architectures"][0] === "Qwen3ForCausalLM" ? "blocks" : "token",
    ...(scaling && {
      yarn: {
        factor: scaling.factor,
        originalContext: scaling.original_max_position_embeddings,
      },
    }),
  };
}
