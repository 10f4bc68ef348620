/** A size of the model, by the names of the conventions page. */
export type Dim = "vocabSize" | "dModel" | "dFf" | "qRows" | "kvRows" | "headDim";

export type TensorRole = "embedding" | "norm" | "ternary";

/** How one kind of tensor is named and shaped. `{n}` stands for the layer. */
export interface TensorRule {
  readonly role: TensorRole;
  /** Checkpoint name without the `model.` in front and the `.weight` behind. */
  readonly name: string;
  /** GGUF name without `.weight`. */
  readonly gguf: string;
  /** [rows, cols], or [cols] of a vector. */
  readonly shape: readonly [Dim] | readonly [Dim, Dim];
  /** Models of the family may lack it. */
  readonly optional?: true;
  /** The checkpoint stores a norm's weights less 1. */
  readonly plusOne?: true;
  /** Query and key matrices of families whose GGUF files have these rows in adjacent-pair order: whose
   *  heads the rows are. */
  readonly heads?: "query" | "key";
}

/** A family of Hugging Face checkpoints, as data. */
export interface Architecture {
  /** Values of `architectures` in config.json; the first is the one that is written. */
  readonly classes: readonly string[];
  /** `model_type` in config.json. */
  readonly modelType: string;
  /** Value of `general.architecture`; also the prefix of the hyper-parameter keys. */
  readonly gguf: string;
  /** Values that config.json may leave out. */
  readonly defaults: {
    readonly hiddenAct: string;
    readonly ropeTheta: number;
    readonly rmsNormEps: number;
    readonly tiedHead: boolean;
    /** Absent: dModel / nHeads. */
    readonly headDim?: number;
  };
  /** What float projections are where config.json does not tell: weights to be ternarised, or ternary
   *  ones written as numbers. */
  readonly floats: "masters" | "unpacked";
  /** Written before the layers, for each of them, and after them, in this order. */
  readonly before: readonly TensorRule[];
  readonly layer: readonly TensorRule[];
  readonly after: readonly TensorRule[];
  /** The output matrix; not written when it is tied to the embedding. */
  readonly head: TensorRule;
  /** Buffers that hold no weights. */
  readonly ignored: readonly RegExp[];
  /** The token that embedding models of the family put after a text, whatever their tokenizer says. */
  readonly embeddingEnd?: string;
}

export function embedding(name: string, gguf: string): TensorRule {
  return { role: "embedding", name, gguf, shape: ["vocabSize", "dModel"] };
}

export function norm(name: string, gguf: string, cols: Dim): TensorRule {
  return { role: "norm", name, gguf, shape: [cols] };
}

export function ternary(name: string, gguf: string, rows: Dim, cols: Dim): TensorRule {
  return { role: "ternary", name, gguf, shape: [rows, cols] };
}

/** The seven matrices of a layer; the names are the same in every family. */
export const PROJECTIONS: readonly TensorRule[] = [
  ternary("layers.{n}.self_attn.q_proj", "blk.{n}.attn_q", "qRows", "dModel"),
  ternary("layers.{n}.self_attn.k_proj", "blk.{n}.attn_k", "kvRows", "dModel"),
  ternary("layers.{n}.self_attn.v_proj", "blk.{n}.attn_v", "kvRows", "dModel"),
  ternary("layers.{n}.self_attn.o_proj", "blk.{n}.attn_output", "dModel", "qRows"),
  ternary("layers.{n}.mlp.gate_proj", "blk.{n}.ffn_gate", "dFf", "dModel"),
  ternary("layers.{n}.mlp.up_proj", "blk.{n}.ffn_up", "dFf", "dModel"),
  ternary("layers.{n}.mlp.down_proj", "blk.{n}.ffn_down", "dModel", "dFf"),
];

/** The projections, each behind the norm of its own input where a model has those (the embedding models
 *  of BitNet do). */
export const NORMED_PROJECTIONS: readonly TensorRule[] = PROJECTIONS.flatMap((rule) => {
  const cols = rule.shape[1] ?? "dModel";
  const own = norm(`${rule.name}.norm`, `${rule.gguf}_norm_in`, cols);
  return [{ ...own, optional: true }, rule];
});

/** Buffers of older checkpoints. */
export const BUFFERS: readonly RegExp[] = [
  /\.rotary_emb\.inv_freq$/,
  /\.attention\.(masked_)?bias$/,
];
