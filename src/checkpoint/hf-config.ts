import { ModelFormatError } from "../errors.ts";
import type { Architecture, Dim } from "./architectures/architecture.ts";
import { findArchitecture } from "./architectures/registry.ts";
import { checkAttention } from "./hf-attention.ts";
import { type HfQuantization, readQuantization } from "./hf-quantization.ts";
import { type HfYarn, readRope } from "./hf-rope.ts";
import { type JsonObject, show } from "./json.ts";

/** Hyper-parameters of a checkpoint, from its config.json. */
export interface HfConfig {
  readonly architecture: Architecture;
  readonly dims: Readonly<Record<Dim, number>>;
  readonly nLayers: number;
  readonly nHeads: number;
  readonly nKvHeads: number;
  readonly headDim: number;
  /** Whether config.json or the family names the head dimension instead of leaving it to
   *  dModel / nHeads. */
  readonly explicitHeadDim: boolean;
  readonly contextLength: number;
  readonly rmsNormEps: number;
  readonly ropeTheta: number;
  readonly yarn: HfYarn | undefined;
  readonly hiddenAct: string;
  /** The embedding is the output matrix as well, or there is none (embedding models). */
  readonly tiedHead: boolean;
  readonly quantization: HfQuantization;
  readonly bosTokenId: number | undefined;
  /** Several when the model stops at any of them. */
  readonly eosTokenIds: readonly number[];
  readonly padTokenId: number | undefined;
  /** What a user may want to know, one clause each. */
  readonly notes: readonly string[];
}

/** @throws {ModelFormatError} a key is missing or impossible
 *  @throws {UnsupportedError} a model family or option that we do not know */
export function readHfConfig(config: JsonObject, generation: JsonObject | undefined): HfConfig {
  const classes = config.array("architectures") ?? [];
  const architecture = findArchitecture(classes, config.file);
  const { defaults } = architecture;
  const dModel = config.need("hidden_size", config.count);
  const nHeads = config.need("num_attention_heads", config.count);
  const nKvHeads = config.count("num_key_value_heads") ?? nHeads;
  const statedHeadDim = config.count("head_dim") ?? defaults.headDim;
  const headDim = statedHeadDim ?? dModel / nHeads;
  checkHeads(config.file, { dModel, nHeads, nKvHeads, headDim });
  const rope = readRope(config);
  const ropeTheta = rope.theta ?? defaults.ropeTheta;
  const contextLength = config.need("max_position_embeddings", config.count);
  const hiddenAct = config.string("hidden_act") ?? config.string("hidden_activation");
  const isHeadless = classes.some((name) => String(name).endsWith("Model"));
  const eos = generation?.get("eos_token_id") ?? config.get("eos_token_id");
  return {
    architecture,
    dims: {
      vocabSize: config.need("vocab_size", config.count),
      dModel,
      dFf: config.need("intermediate_size", config.count),
      qRows: nHeads * headDim,
      kvRows: nKvHeads * headDim,
      headDim,
    },
    nLayers: config.need("num_hidden_layers", config.count),
    nHeads,
    nKvHeads,
    headDim,
    explicitHeadDim: statedHeadDim !== undefined,
    contextLength,
    rmsNormEps: config.number("rms_norm_eps") ?? defaults.rmsNormEps,
    ropeTheta,
    yarn: rope.yarn,
    hiddenAct: hiddenAct ?? defaults.hiddenAct,
    tiedHead: isHeadless || (config.boolean("tie_word_embeddings") ?? defaults.tiedHead),
    quantization: readQuantization(config),
    bosTokenId: tokenIds(config.get("bos_token_id"))[0],
    eosTokenIds: tokenIds(eos),
    padTokenId: tokenIds(config.get("pad_token_id"))[0],
    notes: checkAttention(config, { headDim, ropeTheta, contextLength }),
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

/** A token id or a list of them; anything else has no ids. */
function tokenIds(value: unknown): readonly number[] {
  const ids = Array.isArray(value) ? value : [value ?? []].flat();
  const isId = (id: unknown): id is number => Number.isInteger(id) && Number(id) >= 0;
  if (ids.every(isId)) return ids;
  throw new ModelFormatError(`token id ${show(value)} is not a whole number`);
}
