import {
  any,
  count,
  either,
  flag,
  list,
  map,
  nullable,
  number,
  object,
  oneOf,
  text,
} from "./schema.ts";

// What setup, models, info, convert and doctor print.

const ready = {
  path: text("where it is"),
  bytes: count("of its files"),
  "format?": text("of its ternary weights"),
  "family?": text("as its header names it"),
  parameters: count("weights"),
  chatTemplate: flag("whether it has one"),
};

const native = object("", {
  kept: flag("whether the build is used from now on"),
  target: text("kernel target that was timed"),
  checked: list("targets whose logits were compared, bit for bit", { type: "string" }),
  prefillSpeedup: number("times as fast as the packaged kernels, for prompts"),
  decodeSpeedup: number("the same for tokens one by one"),
});

export const setupNames = object("", {
  names: list(
    "what `bitnet setup` knows by a short name",
    object("", {
      name: text("short name"),
      repo: text("ORG/NAME on the hub"),
      about: text("what it is"),
    }),
  ),
});

export const setupDocument = object("", {
  model: object("What is ready to run.", {
    ...ready,
    repo: nullable(text("ORG/NAME on the hub; null: a directory")),
    commit: nullable(text("revision")),
    fetchedBytes: count("downloaded now"),
    converted: flag("whether it was converted here"),
  }),
  kernels: object("", {
    target: text("kernel target, whose logits are those of plain C++"),
    hash: text("of those logits"),
  }),
  "native?": native,
  command: text("runs it, for a shell"),
});

export const setupNative = object("", { native });

export const modelsList = object("", {
  models: list(
    "on this machine",
    object("", {
      name: text("what `-m` takes"),
      place: oneOf("the hub's cache, converted here, or elsewhere", "hub", "converted", "local"),
      repo: nullable(text("ORG/NAME on the hub")),
      commit: nullable(text("revision")),
      path: text("where it is"),
      bytes: nullable(count("of its files")),
      format: nullable(text("of its ternary weights")),
      family: nullable(text("as its header names it")),
      lastUse: nullable(text("when this program last ran it, ISO 8601")),
      problem: nullable(text("why it does not run; null: it does")),
    }),
  ),
});

export const modelsShow = object("", {
  model: object("", {
    name: text("as it was asked for"),
    repo: nullable(text("ORG/NAME on the hub")),
    commit: nullable(text("revision")),
    ...ready,
    lastUse: nullable(text("when this program last ran it, ISO 8601")),
  }),
  command: text("runs it, for a shell"),
});

export const modelsPath = object("", { path: text("where it is") });
export const modelsRemoved = object("", {
  removed: text("repository"),
  bytes: count("that are free again"),
});

const cpuTarget = object("", {
  name: text("kernel target"),
  runnable: flag("on this CPU"),
  missing: list("features that it needs and the CPU lacks", { type: "string" }),
});

const shapeFields = {
  "contextLength?": count("tokens that it was made for"),
  "nLayers?": count("layers"),
  "dModel?": count("width"),
  "dFf?": count("width of the feed-forward part"),
  "nHeads?": count("attention heads"),
  "nKvHeads?": count("key and value heads"),
};

export const infoDocument = object("", {
  system: object("This machine.", {
    platform: text("system and architecture"),
    node: text("version of Node"),
    cpu: object("", {
      brand: text("name"),
      features: list("that kernels use", { type: "string" }),
      logicalCpus: count("that this process may use"),
    }),
    kernels: object("", {
      active: text("kernel target in use"),
      reason: text("why this one"),
      targets: list("of this build", cpuTarget),
      compactWeights: flag("whether it can hold ternary weights in 1.6 bits"),
    }),
    memory: object("", {
      totalBytes: count("of the machine or the container"),
      availableBytes: count("that can be had without swapping"),
    }),
  }),
  profiles: list(
    "what `--profile` would set here",
    object("", {
      name: text("of the profile"),
      summary: text("whom it suits"),
      threads: count("threads"),
      batchSize: count("prompt tokens evaluated at once"),
      weights: text("form of the ternary weights"),
      kvType: text("format of the KV cache"),
      contextTokens: nullable(count("context window; null: the model's own")),
      memoryLimitBytes: count("memory at most"),
    }),
  ),
  model: object("What its header says.", {
    path: text("where it is"),
    container: text("kind of file"),
    "name?": text("its own name"),
    "family?": text("model family"),
    parameters: count("weights"),
    weightBytes: count("of all tensors in the file"),
    shape: object("Its sizes.", shapeFields),
    tensorTypes: list(
      "most bytes first",
      object("", {
        type: text("number format"),
        tensors: count("of this format"),
        parameters: count("weights in them"),
        bytes: count("of the file"),
      }),
    ),
    tokenizer: object("", {
      "model?": text("kind"),
      "pre?": text("rule that splits text"),
      "vocabSize?": count("tokens"),
    }),
    chatTemplate: flag("whether it has one"),
    notes: list("what is odd about it", { type: "string" }),
  }),
  plan: object("Memory that running it takes, worked out from the header.", {
    contextLength: count("tokens of context"),
    kvType: text("format of the KV cache"),
    weights: text("form of the ternary weights"),
    weightBytes: count("of the weights"),
    kvCacheBytes: count("of the KV cache"),
    activationBytes: count("of the rest, an estimate"),
    totalBytes: count("in all"),
    availableBytes: count("on this machine"),
    fits: flag("whether that is enough"),
  }),
});

export const infoProbe = object("", {
  probe: object("I2_S weights, read in every layout.", {
    setting: text("layout in which the file is read without `--i2s-layout`"),
    fits: nullable(text("layout that its weights have; null when none stands out")),
    layouts: list(
      "",
      object("", {
        layout: text("name"),
        perplexity: number("of the text"),
        loss: number("nats per token"),
      }),
    ),
  }),
});

export const infoMetadata = object("", {
  metadata: map("every key of the model's header, as the file has it", {}),
});

export const infoConfig = object("", {
  settings: list(
    "every setting as it stands without flags",
    object("", {
      key: text("in `bitnet.config.json`"),
      "value?": any("its value; absent: the default is not a constant"),
      "fallbackText?": text("the default in words"),
      origin: text("a variable, `FILE:LINE`, `bitnet tune`, a profile, or `default`"),
    }),
  ),
});

const loss = {
  scalesRounded: count("scales that became another number"),
  scalesMerged: count("scales that were put together"),
  weightsRounded: count("other weights that became another number"),
  maxRelative: number("largest relative change"),
};

export const convertDocument = object("", {
  output: text("what was written"),
  bytes: count("of it"),
  elapsedMs: count("milliseconds"),
  tensors: map("number of tensors by format", { type: "integer" }),
  notes: list("what was done that one might not expect", { type: "string" }),
  "loss?": object("With `--allow-lossy`, what was rounded.", {
    ...loss,
    tensors: count("that lost something"),
    worst: text("the one with the largest relative change"),
  }),
  "verification?": object("With `--verify`.", {
    tensors: count("compared"),
    weights: count("compared"),
    rounded: list(
      "tensors whose weights are not all the input's to the last bit",
      object("", {
        tensor: text("name"),
        from: text("format"),
        to: text("format"),
        weights: count("with another value"),
        maxRelative: number("largest relative change"),
      }),
    ),
  }),
  "merge?": object("With `--merge-lora`.", {
    matrices: count("with an addition"),
    weights: count("of theirs"),
    changedTrits: count("weights with another trit than without the addition"),
    perplexity: nullable(
      object("With `--text`.", {
        scored: count("tokens"),
        base: number("without the adapters"),
        adapted: number("with the adapters beside the weights, as `--lora` has it"),
        merged: number("of the output"),
      }),
    ),
  }),
});

export const doctorDocument = object("", {
  findings: list(
    "in the order of the checks",
    object("", {
      check: text("a name that does not change: `node`, `kernel.avx2`, `model.PATH`"),
      status: oneOf("broken: something will not work", "ok", "warning", "broken", "skipped"),
      message: text("what is so; for skipped, why"),
      "fix?": text("what mends it"),
    }),
  ),
  summary: object("How many of each; the exit status is 1 when something is broken.", {
    ok: count("fine"),
    warnings: count("warnings"),
    broken: count("broken"),
    skipped: count("not looked at"),
  }),
  "recommendation?": object("With `--recommend`.", {
    use: text("what for"),
    settings: map(
      "for `bitnet.config.json`",
      either("", { type: "string" }, { type: "number" }, { type: "boolean" }),
    ),
    why: text("in a sentence"),
    commands: list("to be given in this order", { type: "string" }),
  }),
});

export const serveReady = object("", {
  url: text("where it answers"),
  host: text("name or address that it listens on"),
  port: count("that it listens on"),
  model: text("what clients know the model by"),
});
