import { ModelFormatError, UnsupportedError } from "../errors.ts";
import type { MetadataEntry } from "../gguf/types.ts";
import type { JsonObject } from "./json.ts";

/** RoPE stretched by YaRN, in the terms of GGUF. */
export interface HfYarn {
  readonly factor: number;
  readonly originalContext: number;
  /** Multiplies the magnitude 1 + 0.1 ln(factor). */
  readonly attentionFactor: number | undefined;
  readonly betaFast: number | undefined;
  readonly betaSlow: number | undefined;
}

export interface HfRope {
  readonly theta: number | undefined;
  readonly yarn: HfYarn | undefined;
}

/** Settings that would change the result and have no counterpart in the engine. */
const FOREIGN_KEYS = ["mscale", "mscale_all_dim", "short_factor", "long_factor"];

/** Reads `rope_theta` and `rope_scaling`; transformers 5 has both in `rope_parameters`.
 *  @throws {UnsupportedError} a kind of scaling that the engine does not have
 *  @throws {ModelFormatError} YaRN without a factor or an original length */
export function readRope(config: JsonObject): HfRope {
  const parameters = oneKind(config.object("rope_parameters"));
  const theta = config.number("rope_theta") ?? parameters?.number("rope_theta");
  const partial = config.number("partial_rotary_factor") ?? 1;
  if (partial !== 1) {
    throw new UnsupportedError(`${config.file}: partial_rotary_factor ${partial} is not supported`);
  }
  const scaling = config.object("rope_scaling") ?? parameters;
  const key = config.get("rope_scaling") === undefined ? "rope_parameters" : "rope_scaling";
  const type = scaling?.string("rope_type") ?? scaling?.string("type") ?? "default";
  if (scaling === undefined || type === "default") return { theta, yarn: undefined };
  if (type !== "yarn") {
    throw new UnsupportedError(`${config.file}: ${key} of type ${type} is not supported`);
  }
  return { theta, yarn: readYarn(scaling, config) };
}

/** Models with several kinds of layers have an object for each; the engine has one RoPE for all. */
function oneKind(parameters: JsonObject | undefined): JsonObject | undefined {
  const kinds = (parameters?.entries() ?? []).filter(([, value]) => typeof value === "object");
  const [first, ...others] = kinds;
  if (parameters === undefined || first === undefined) return parameters;
  const other = others.find(([, value]) => JSON.stringify(value) !== JSON.stringify(first[1]));
  if (other === undefined) return parameters.object(first[0]);
  throw new UnsupportedError(
    `${parameters.file}: ${first[0]} and ${other[0]} layers have other RoPE, which is not supported`,
  );
}

function readYarn(scaling: JsonObject, config: JsonObject): HfYarn {
  for (const key of FOREIGN_KEYS) {
    if (scaling.get(key) === undefined) continue;
    throw new UnsupportedError(`${scaling.file}: YaRN with ${key} is not supported`);
  }
  const factor = scaling.need("factor", scaling.number);
  if (!(factor >= 1)) throw new ModelFormatError(`${scaling.file}: factor is ${factor}`);
  const whole = scaling.number("attention_factor");
  return {
    factor,
    originalContext:
      scaling.count("original_max_position_embeddings") ??
      config.need("max_position_embeddings", config.count),
    // There it replaces the magnitude, here it multiplies it.
    attentionFactor: whole === undefined ? undefined : whole / (1 + 0.1 * Math.log(factor)),
    betaFast: scaling.number("beta_fast"),
    betaSlow: scaling.number("beta_slow"),
  };
}

/** The keys of llama.cpp for this, without the family in front. */
export function yarnKeys(yarn: HfYarn | undefined): readonly (readonly [string, MetadataEntry])[] {
  if (yarn === undefined) return [];
  const float = (value: number): MetadataEntry => ({ type: "float32", value: Math.fround(value) });
  const optional = (key: string, value: number | undefined) =>
    value === undefined ? [] : [[key, float(value)] as const];
  return [
    ["rope.scaling.type", { type: "string", value: "yarn" }],
    ["rope.scaling.factor", float(yarn.factor)],
    ["rope.scaling.original_context_length", { type: "uint32", value: yarn.originalContext }],
    ...optional("rope.scaling.attn_factor", yarn.attentionFactor),
    ...optional("rope.scaling.yarn_beta_fast", yarn.betaFast),
    ...optional("rope.scaling.yarn_beta_slow", yarn.betaSlow),
  ];
}
