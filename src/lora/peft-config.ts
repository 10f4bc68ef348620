import { type JsonObject, show } from "../checkpoint/json.ts";
import { ModelFormatError, UnsupportedError } from "../errors.ts";

/** What an adapter_config.json says about the matrices. */
export interface PeftConfig {
  rankOf(module: string): number;
  /** Factor of B . A. */
  scaleOf(module: string): number;
}

/** Settings under which an adapter is more than y += scale * B(A x), or belongs to other weights than
 *  the model's own. */
const REFUSED: readonly (readonly [key: string, meaning: string])[] = [
  ["use_dora", "rescales the matrices (DoRA)"],
  ["use_qalora", "pools the inputs (QA-LoRA)"],
  ["lora_bias", "adds biases"],
  ["modules_to_save", "replaces whole modules"],
  ["fan_in_fan_out", "is for transposed matrices"],
  ["layer_replication", "repeats layers"],
  ["trainable_token_indices", "changes embeddings of tokens"],
  ["target_parameters", "changes parameters outside linear layers"],
  ["alora_invocation_tokens", "is to be applied from certain tokens on only (aLoRA)"],
];

/** Ways to initialise A and B that leave the model's own weights as they are; others subtract the
 *  first B . A from them. */
const PLAIN_INITS: readonly unknown[] = [undefined, true, false, "gaussian", "eva", "orthogonal"];

const DEFAULT_RANK = 8;
const DEFAULT_ALPHA = 8;

/** Reads the configuration that PEFT saves beside an adapter; defaults are PEFT's.
 *  @throws {UnsupportedError} another kind of adapter, or a setting beyond plain LoRA
 *  @throws {ModelFormatError} a value of the wrong type */
export function readPeftConfig(config: JsonObject): PeftConfig {
  refuseOtherKinds(config);
  const rank = config.count("r") ?? DEFAULT_RANK;
  const alpha = config.number("lora_alpha") ?? DEFAULT_ALPHA;
  const ranks = readPattern(
    config,
    "rank_pattern",
    (value) => Number.isInteger(value) && value > 0,
  );
  const alphas = readPattern(config, "alpha_pattern", Number.isFinite);
  const stable = config.boolean("use_rslora") ?? false;
  const rankOf = (module: string) => ranks(module) ?? rank;
  return {
    rankOf,
    // Rank-stabilised LoRA: arXiv:2312.03732.
    scaleOf: (module) => {
      const r = rankOf(module);
      return (alphas(module) ?? alpha) / (stable ? Math.sqrt(r) : r);
    },
  };
}

function refuseOtherKinds(config: JsonObject): void {
  const type = config.string("peft_type");
  if (type !== "LORA") {
    throw new UnsupportedError(`${config.file}: peft_type ${show(type)}, only "LORA" is supported`);
  }
  for (const [key, meaning] of REFUSED) {
    const value = config.get(key);
    if (!isUnset(value)) {
      throw new UnsupportedError(`${config.file}: ${key} ${meaning}, which is not supported`);
    }
  }
  const bias = config.get("bias");
  if (bias !== undefined && bias !== "none") {
    throw new UnsupportedError(`${config.file}: bias ${show(bias)} is not supported`);
  }
  const init = config.get("init_lora_weights");
  if (!PLAIN_INITS.includes(init)) {
    throw new UnsupportedError(
      `${config.file}: init_lora_weights ${show(init)} changed the weights of the model itself`,
      {
        hint: "save it as plain LoRA: save_pretrained(..., path_initial_model_for_weight_conversion=...)",
      },
    );
  }
}

function isUnset(value: unknown): boolean {
  if (value === undefined || value === false) return true;
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** Values for modules that a name stands for: the module itself, or its last parts. PEFT takes regular
 *  expressions; of those only plain names are understood.
 *  Source: peft.utils.get_pattern_key. */
function readPattern(
  config: JsonObject,
  key: string,
  isValid: (value: number) => boolean,
): (module: string) => number | undefined {
  const entries = (config.object(key)?.entries() ?? []).map(([pattern, value]) => {
    const name = pattern.replace(/^\^/, "");
    if (!/^[\w.]+$/.test(name)) {
      throw new UnsupportedError(
        `${config.file}: ${key}: pattern ${show(pattern)} is no plain name`,
      );
    }
    if (typeof value !== "number" || !isValid(value)) {
      throw new ModelFormatError(`${config.file}: ${key}: ${show(pattern)} is ${show(value)}`);
    }
    return { name, anchored: name !== pattern, value };
  });
  return (module) =>
    entries.find(
      ({ name, anchored }) => module === name || (!anchored && module.endsWith(`.${name}`)),
    )?.value;
}
