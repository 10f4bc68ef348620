import { ModelFormatError, UnsupportedError } from "../errors.ts";
import { quote } from "../gguf/quote.ts";
import type { TensorRule } from "./architectures/architecture.ts";
import { payloadBytes } from "./encodings.ts";
import type { HfConfig } from "./hf-config.ts";
import { readScale, takeScale } from "./hf-scale.ts";
import type { SafeTensor, SafeTensors } from "./safetensors.ts";
import type { Encoding, TensorSource } from "./source.ts";

const FLOAT_ENCODINGS: Readonly<Record<string, Encoding>> = {
  F32: "f32",
  F16: "f16",
  BF16: "bf16",
};

/** Four row quarters share the bytes of a packed tensor. */
const PACKED_ROWS_PER_BYTE = 4;

/** Maps the tensors of a checkpoint to their GGUF names, in the order of the family's table.
 *  @throws {ModelFormatError} a tensor is missing or has the wrong shape
 *  @throws {UnsupportedError} a tensor that the family does not have, or an odd dtype */
export async function mapTensors(
  config: HfConfig,
  checkpoint: SafeTensors,
): Promise<readonly TensorSource[]> {
  const rest = new Map(checkpoint.tensors);
  const masters = areMasters(config, rest);
  const sources: TensorSource[] = [];
  for (const { rule, layer } of expandRules(config)) {
    const tensor = take(rest, rule, layer);
    if (!tensor) continue;
    const name = `${fill(rule.gguf, layer)}.weight`;
    const shape = expectShape(config, rule, tensor);
    if (rule.role === "ternary" && tensor.dtype === "U8") {
      const stored = await readScale(takeScale(rest, tensor), checkpoint.files);
      const multiplies = config.quantization.scaleRule === "multiply";
      sources.push(
        packedSource(name, tensor, shape, multiplies ? stored : Math.fround(1 / stored)),
      );
    } else {
      const source = floatSource(name, tensor, shape);
      sources.push({ ...source, ...meaningOf(rule, masters) });
    }
  }
  checkRest(config, rest);
  return sources;
}

/** Whether float projections are weights to be ternarised. Where neither config.json nor the family tells,
 *  the norms in front of the projections do: only BitNet's training puts them there. */
function areMasters(config: HfConfig, tensors: ReadonlyMap<string, SafeTensor>): boolean {
  if (config.quantization.declared || config.architecture.floats === "masters") return true;
  return [...tensors.keys()].some((name) => name.endsWith("_proj.norm.weight"));
}

/** What the numbers of a tensor stand for, where that is not themselves. */
function meaningOf(
  { role, plusOne }: TensorRule,
  masters: boolean,
): Pick<TensorSource, "quantise" | "plusOne"> {
  if (role === "ternary" && masters) return { quantise: "absmean" };
  return plusOne ? { plusOne } : {};
}

interface PlacedRule {
  readonly rule: TensorRule;
  readonly layer: number;
}

function expandRules({ architecture, nLayers, tiedHead }: HfConfig): readonly PlacedRule[] {
  const at = (layer: number) => (rule: TensorRule) => ({ rule, layer });
  const layers = Array.from({ length: nLayers }, (_, n) => architecture.layer.map(at(n)));
  const head = tiedHead ? [] : [architecture.head];
  return [
    ...architecture.before.map(at(0)),
    ...layers.flat(),
    ...architecture.after.map(at(0)),
    ...head.map(at(0)),
  ];
}

function fill(pattern: string, layer: number): string {
  return pattern.replace("{n}", String(layer));
}

/** Removes a rule's tensor from `rest`; undefined for one that may be missing and is. */
function take(
  rest: Map<string, SafeTensor>,
  rule: TensorRule,
  layer: number,
): SafeTensor | undefined {
  const name = `${fill(rule.name, layer)}.weight`;
  const tensor = rest.get(`model.${name}`) ?? rest.get(name);
  if (!tensor && rule.optional) return undefined;
  if (!tensor) throw new ModelFormatError(`tensor model.${name} is missing from the checkpoint`);
  rest.delete(tensor.name);
  return tensor;
}

interface Shape {
  readonly rows: number;
  readonly cols: number;
}

/** The shape that the configuration demands, after checking that the tensor has it. */
function expectShape(config: HfConfig, rule: TensorRule, tensor: SafeTensor): Shape {
  const sizes = rule.shape.map((dim) => config.dims[dim]);
  const [rows, cols] = sizes.length === 2 ? sizes : [1, ...sizes];
  const isPacked = rule.role === "ternary" && tensor.dtype === "U8";
  const stored = isPacked ? [Math.ceil((rows ?? 1) / PACKED_ROWS_PER_BYTE), cols] : sizes;
  if (tensor.shape.join() !== stored.join()) {
    throw new ModelFormatError(
      `tensor ${tensor.name} is [${tensor.shape.join(", ")}], config.json asks for [${stored.join(", ")}]`,
    );
  }
  return { rows: rows ?? 1, cols: cols ?? 1 };
}

function packedSource(name: string, tensor: SafeTensor, shape: Shape, scale: number): TensorSource {
  const { file, offset, bytes } = tensor;
  if (payloadBytes("hf_packed", shape.rows, shape.cols) !== bytes) {
    throw new UnsupportedError(`tensor ${tensor.name}: ${shape.rows} rows are not a multiple of 4`);
  }
  return { name, ...shape, encoding: "hf_packed", file, offset, bytes, scale };
}

function floatSource(name: string, tensor: SafeTensor, shape: Shape): TensorSource {
  const { file, offset, bytes } = tensor;
  const encoding = FLOAT_ENCODINGS[tensor.dtype];
  if (!encoding) throw new UnsupportedError(`tensor ${tensor.name}: dtype ${quote(tensor.dtype)}`);
  return { name, ...shape, encoding, file, offset, bytes };
}

/** Weights that nobody asked for would change the model if they were dropped. */
function checkRest({ architecture, tiedHead }: HfConfig, rest: ReadonlyMap<string, unknown>): void {
  const head = `${architecture.head.name}.weight`;
  for (const name of rest.keys()) {
    if (tiedHead && (name === head || name === `model.${head}`)) continue;
    if (architecture.ignored.some((pattern) => pattern.test(name))) continue;
    throw new UnsupportedError(
      `unexpected tensor ${quote(name)} in a ${architecture.gguf} checkpoint`,
    );
  }
}
