import { UnsupportedError } from "../errors.ts";
import { quote } from "../gguf/quote.ts";
import type { JsonObject } from "./json.ts";

/** What config.json says about ternary weights. */
export interface HfQuantization {
  /** There is a `quantization_config` of BitNet: float projections are masters. */
  readonly declared: boolean;
  /** How a stored `weight_scale` s gives the weight: trit * s, or trit / s. */
  readonly scaleRule: "multiply" | "divide";
}

/** Microsoft's packed checkpoints (`autobitlinear`) store mean|W|, all others store 1 / mean|W|. The
 *  magnitude cannot tell them apart, so the rule goes by the configuration alone.
 *  @throws {UnsupportedError} another quantisation, or a variant of BitNet that we do not know */
export function readQuantization(config: JsonObject): HfQuantization {
  if (config.get("quantization") !== undefined) {
    throw new UnsupportedError(`${config.file}: checkpoints of MLX are not supported`, {
      hint: "take the unpacked checkpoint or a GGUF file of the model",
    });
  }
  const quantization = config.object("quantization_config");
  if (quantization === undefined) return { declared: false, scaleRule: "divide" };
  const method = quantization.string("quant_method") ?? "bitnet";
  if (method !== "bitnet") {
    throw new UnsupportedError(`${config.file}: quant_method ${quote(method)} is not supported`);
  }
  if (quantization.boolean("use_rms_norm")) {
    throw new UnsupportedError(`${config.file}: use_rms_norm is not supported`);
  }
  const multiplies = quantization.string("linear_class") === "autobitlinear";
  return { declared: true, scaleRule: multiplies ? "multiply" : "divide" };
}
