import { ModelFormatError, UnsupportedError } from "../errors.ts";
import type { Architecture, Dim } from "./architectures/architecture.ts";
import { findArchitecture } from "./architectures/registry.ts";
import { type JsonObject, show } from "./json.ts";

/** Hyper-parameters of a checkpoint, from its config.json. */
export interface HfConfig {
  readonly architecture: Architecture;
  readonly dims: Readonly<Record<Dim, number>>;
  readonly nLayers: number;
  readonly nHeads: number;
  readonly nKvHeads: number;
  readonly headDim: number;
  /** Whether config.json names the head dimension instead of leaving it to dModel / nHeads. */
  readonly explicitHeadDim: boolean;
  readonly contextLength: number;
  readonly rmsNormEps: number;
  readonly ropeTheta: number;
  readonly hiddenAct: string;
  readonly tiedHead: boolean;
  /** How a stored `weight_scale` s gives the weight: trit * s, or trit / s. */
  readonly scaleRule: "multiply" | "divide";
  readonly bosTokenId: number | undefined;
  /** Several when the model stops at any of them. */
  readonly eosTokenIds: readonly number[];
  readonly padTokenId: number | undefined;
}

/** @throws {ModelFormatError} a key is missing or impossible
 *  @throws {UnsupportedError} a model family or option that we do not know */
export function readHfConfig(config: JsonObject, generation: JsonObject | undefined): HfConfig {
  const architecture = findArchitecture(config.array("architectures") ?? [], config.file);
  const { defaults } = architecture;
  const dModel = config.need("hidden_size", config.count);
  const nHeads = config.need("num_attention_heads", config.count);
  const nKvHeads = config.count("num_key_value_heads") ?? nHeads;
  const headDim = config.count("head_dim") ?? dModel / nHeads;
  checkHeads(config.file, { dModel, nHeads, nKvHeads, headDim });
  refuseRopeScaling(config);
  const eos = generation?.get("eos_token_id") ?? config.get("eos_token_id");
  return {
    architecture,
    dims: {
      vocabSize: config.need("vocab_size", config.count),
      dModel,
      dFf: config.need("intermediate_size", config.count),
      qRows: nHeads * headDim,
      kvRows: nKvHeads * headDim,
    },
    nLayers: config.need("num_hidden_layers", config.count),
    nHeads,
    nKvHeads,
    headDim,
    explicitHeadDim: config.get("head_dim") !== undefined,
    contextLength: config.need("max_position_embeddings", config.count),
    rmsNormEps: config.number("rms_norm_eps") ?? defaults.rmsNormEps,
    ropeTheta: readRopeTheta(config) ?? defaults.ropeTheta,
    hiddenAct: config.string("hidden_act") ?? defaults.hiddenAct,
    tiedHead: config.boolean("tie_word_embeddings") ?? false,
    scaleRule: readScaleRule(config),
    bosTokenId: tokenIds(config.get("bos_token_id"))[0],
    eosTokenIds: tokenIds(eos),
    padTokenId: tokenIds(config.get("pad_token_id"))[0],
  };
}

interface HeadSizes {
  readonly dModel: number;
  readonly nHeads: number;
  readonly nKvHeads: number;
  readonly headDim: number;
}

function checkHeads(file: string, { dModel, nHeads, nKvHeads, headDim }: HeadSizes): void {
  if (!Number.isInteger(headDim)) {
    throw new ModelFormatError(
      `${file}: hidden_size ${dModel} is not a multiple of num_attention_heads ${nHeads}`,
    );
  }
  if (nHeads % nKvHeads !== 0) {
    throw new ModelFormatError(
      `${file}: num_attention_heads ${nHeads} is not a multiple of num_key_value_heads ${nKvHeads}`,
    );
  }
}

/** transformers 5 moved the RoPE settings into an object of their own. */
function readRopeTheta(config: JsonObject): number | undefined {
  return config.number("rope_theta") ?? config.object("rope_parameters")?.number("rope_theta");
}

function refuseRopeScaling(config: JsonObject): void {
  for (const key of ["rope_scaling", "rope_parameters"]) {
    const rope = config.object(key);
    const type = rope?.string("rope_type") ?? rope?.string("type") ?? "default";
    if (type === "default") continue;
    throw new UnsupportedError(`${config.file}: ${key} of type ${type} is not supported`);
  }
}

/** Microsoft's packed checkpoints (`autobitlinear`) store mean|W|, all others store 1 / mean|W|. The
 *  magnitude cannot tell them apart, so the rule goes by the configuration alone. */
function readScaleRule(config: JsonObject): "multiply" | "divide" {
  const quantization = config.object("quantization_config");
  const method = quantization?.string("quant_method") ?? "bitnet";
  if (method !== "bitnet") {
    throw new UnsupportedError(`${config.file}: quant_method ${method} is not supported`);
  }
  return quantization?.string("linear_class") === "autobitlinear" ? "multiply" : "divide";
}

/** A token id or a list of them; anything else has no ids. */
function tokenIds(value: unknown): readonly number[] {
  const ids = Array.isArray(value) ? value : [value ?? []].flat();
  const isId = (id: unknown): id is number => Number.isInteger(id) && Number(id) >= 0;
  if (ids.every(isId)) return ids;
  throw new ModelFormatError(`token id ${show(value)} is not a whole number`);
}
