/** A size of the model, by the names of the conventions page. */
export type Dim = "vocabSize" | "dModel" | "dFf" | "qRows" | "kvRows";

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
}

/** A family of Hugging Face checkpoints, as data. */
export interface Architecture {
  /** Values of `architectures` in config.json. */
  readonly classes: readonly string[];
  /** Value of `general.architecture`; also the prefix of the hyper-parameter keys. */
  readonly gguf: string;
  /** Values that config.json may leave out. */
  readonly defaults: {
    readonly hiddenAct: string;
    readonly ropeTheta: number;
    readonly rmsNormEps: number;
  };
  /** Written before the layers, for each of them, and after them, in this order. */
  readonly before: readonly TensorRule[];
  readonly layer: readonly TensorRule[];
  readonly after: readonly TensorRule[];
  /** The output matrix; not written when it is tied to the embedding. */
  readonly head: TensorRule;
  /** Buffers that hold no weights. */
  readonly ignored: readonly RegExp[];
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
