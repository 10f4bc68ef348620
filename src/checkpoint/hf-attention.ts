import { UnsupportedError } from "../errors.ts";
import { type JsonObject, show } from "./json.ts";

/** Settings that the engine's attention does not have. Each is harmless at the value it has in the
 *  checkpoints that are supported. */
const REFUSED: readonly { readonly key: string; readonly allowed: (value: unknown) => boolean }[] =
  [
    { key: "use_sliding_window", allowed: (value) => value === false },
    { key: "use_bidirectional_attention", allowed: (value) => value === false },
    { key: "attn_logit_softcapping", allowed: () => false },
    { key: "final_logit_softcapping", allowed: () => false },
  ];

interface Heads {
  readonly headDim: number;
  readonly ropeTheta: number;
  readonly contextLength: number;
}

/** Checks what config.json says about attention beyond its sizes; gives what a user may want to know.
 *  @throws {UnsupportedError} a kind of attention that the engine does not have */
export function checkAttention(config: JsonObject, heads: Heads): readonly string[] {
  for (const { key, allowed } of REFUSED) {
    const value = config.get(key);
    if (value === undefined || allowed(value)) continue;
    throw new UnsupportedError(`${config.file}: ${key} ${show(value)} is not supported`);
  }
  refuseDifference(config, "query_pre_attn_scalar", heads.headDim, "head_dim");
  refuseDifference(config, "rope_local_base_freq", heads.ropeTheta, "rope_theta");
  const window = config.number("sliding_window");
  if (window === undefined || window >= heads.contextLength) return [];
  if (config.boolean("use_sliding_window") === false) return [];
  return [
    `attends to the whole text: the window of ${window} tokens of config.json is not applied`,
  ];
}

/** Both numbers have to be the same: the engine has one for both. */
function refuseDifference(config: JsonObject, key: string, other: number, otherKey: string): void {
  const value = config.number(key);
  if (value === undefined || value === other) return;
  throw new UnsupportedError(
    `${config.file}: ${key} ${value} with ${otherKey} ${other} is not supported`,
  );
}
