import {
  any,
  count,
  flag,
  list,
  nullable,
  number,
  object,
  oneOf,
  type Schema,
  text,
} from "./schema.ts";

// What bench and tune print.

function estimate(what: string): Schema {
  return object(what, {
    median: number("of the repetitions"),
    mad: number("median of the distances from the median"),
    min: number("smallest"),
    max: number("largest"),
    confidence95: nullable(
      list("where the median lies with 95 % confidence: low, high; null below three repetitions", {
        type: "number",
      }),
    ),
    samples: list("one per repetition", { type: "number" }),
  });
}

const setup = object("", {
  model: text("path"),
  kernel: text("kernel target"),
  threads: count("threads"),
  batchSize: count("prompt tokens evaluated at once"),
  kvType: text("format of the KV cache"),
  weights: text("form of the ternary weights"),
  activations: text("inputs of ternary matrices"),
  mmap: flag("whether it runs from the file's own pages"),
});

const latency = object("Milliseconds between tokens, of generations.", {
  count: count("gaps measured"),
  mean: number("mean"),
  p50: number("median"),
  p95: number("95th percentile"),
  p99: number("99th percentile"),
  max: number("longest"),
  histogram: object("Equal steps; what is longer is in the last.", {
    from: number("where the first begins"),
    to: number("where the last ends"),
    counts: list("gaps per step", { type: "integer" }),
  }),
});

const energy = object("All repetitions together.", {
  method: text("how it was measured; an estimate says so here"),
  scope: text("what the counter covers"),
  estimate: flag("true where the power was assumed: never compared"),
  seconds: number("measured"),
  grossJoules: number("joules"),
  netJoules: nullable(number("less what the idle machine would have taken")),
  watts: number("mean power"),
  joulesPerToken: estimate("Joules per token."),
  netJoulesPerToken: nullable(number("joules per token, less idle")),
});

const result = object("One test on one setup.", {
  test: text("name, such as pp512 or tg128"),
  kind: oneOf("", "prompt", "generate"),
  tokens: count("of the prompt, or generated"),
  depth: count("tokens in the context before it"),
  setup,
  tokensPerSecond: estimate("Tokens per second."),
  firstTokenMs: nullable(estimate("Milliseconds to the first token, of prompts.")),
  interTokenMs: nullable(latency),
  loadMs: estimate("Milliseconds to load the model."),
  peakRssBytes: count("most memory of the measuring process"),
  achieved: object("Of the median repetition, beside what the machine can do.", {
    bytesPerSecond: nullable(number("weights, keys and values read, of generations")),
    readShare: nullable(number("of the machine's reading speed, 0 to 1")),
    operationsPerSecond: number("multiplications and additions with weights"),
    operationsPerByte: number("of weights, keys and values that the test has to read"),
    int8Share: nullable(number("of the machine's int8 peak, 0 to 1")),
  }),
  energy: nullable(energy),
  energyReason: nullable(text("why there is none, where a meter is there")),
});

const answer = object("One prompt of `--prompts` on one setup.", {
  prompt: text("the prompt"),
  setup,
  runs: count("runs"),
  succeeded: count("that ended well"),
  successRate: number("0 to 1"),
  errors: list("messages of those that failed, each once", { type: "string" }),
  means: nullable(
    object("Over those that succeeded.", {
      promptTokens: number("tokens"),
      generatedTokens: number("tokens"),
      firstTokenMs: number("milliseconds to the first token"),
      promptTokensPerSecond: number("tokens per second"),
      generatedTokensPerSecond: nullable(number("tokens per second")),
      totalMs: number("milliseconds"),
    }),
  ),
});

const comparison = object("With `--compare`; the exit status is 1 on a regression.", {
  changes: list(
    "",
    object("", {
      test: text("name"),
      model: text("name"),
      kernel: text("kernel target"),
      threads: count("threads"),
      metric: text("tok/s or J/token"),
      before: number("in the saved report"),
      now: number("now"),
      gain: number("times as good as before, for energy too"),
      confidence95: nullable(list("of the gain: low, high", { type: "number" })),
      verdict: oneOf("", "better", "worse", "same", "unknown"),
    }),
  ),
  unmatched: count("results that the saved report does not have"),
  warnings: list("what makes the reports hard to compare", { type: "string" }),
  regressed: flag("whether one became worse than noise explains"),
});

export const benchDocument = object("", {
  schema: oneOf("", "bitnet-bench/1"),
  bitnet: text("version of this program"),
  date: text("ISO 8601"),
  machine: object("", {
    cpu: text("name"),
    logicalCpus: count("CPUs"),
    memoryBytes: count("of memory"),
    platform: text("system and architecture"),
    node: text("version of Node"),
  }),
  repetitions: count("of each test"),
  limits: list(
    "what the machine was measured to do at best; empty with `--no-limits`",
    object("", {
      kernel: text("kernel target"),
      threads: count("threads"),
      readBytesPerSecond: number("read from memory"),
      int8OperationsPerSecond: nullable(number("int8 dot products")),
      f32OperationsPerSecond: nullable(number("float multiplications and additions")),
    }),
  ),
  energy: object("What energy figures rest on, or why there are none.", {
    measured: flag("whether a meter was read"),
    method: nullable(text("how")),
    "scope?": text("what the counter covers"),
    "idleWatts?": nullable(number("of the machine before the run")),
    "assumedWatts?": nullable(number("of `--assume-watts`")),
    "note?": nullable(text("about the method")),
    "reason?": text("why nothing is measured"),
    "fix?": text("what mends that"),
  }),
  models: list(
    "",
    object("", {
      path: text("where it is"),
      name: text("its own name"),
      family: text("model family"),
      parameters: count("weights"),
      fileBytes: count("of the file"),
    }),
  ),
  results: list("in the order of the setups", result),
  prompts: list("with `--prompts`", answer),
  "comparison?": comparison,
});

/** Of `-o jsonl` and `-o csv`: flat, in the letters that tables of other programs have. */
export const benchLine = object("", {
  date: text("ISO 8601"),
  bitnet: text("version of this program"),
  cpu: text("name"),
  model: nullable(text("its own name")),
  model_path: text("path"),
  kernel: text("kernel target"),
  threads: count("threads"),
  batch_size: count("prompt tokens evaluated at once"),
  kv_type: text("format of the KV cache"),
  weights: text("form of the ternary weights"),
  mmap: flag("from the file's own pages"),
  test: text("name"),
  n_prompt: count("tokens of the prompt"),
  n_gen: count("tokens generated"),
  n_depth: count("tokens in the context before it"),
  repetitions: count("of the test"),
  tokens_per_second: number("median"),
  mad: number("median of the distances from it"),
  low_95: nullable(number("95 % confidence, low")),
  high_95: nullable(number("95 % confidence, high")),
  first_token_ms: nullable(number("milliseconds, of prompts")),
  inter_token_p50_ms: nullable(number("milliseconds, of generations")),
  inter_token_p95_ms: nullable(number("milliseconds")),
  inter_token_p99_ms: nullable(number("milliseconds")),
  load_ms: number("milliseconds"),
  peak_rss_bytes: count("most memory of the measuring process"),
  bytes_per_second: nullable(number("read, of generations")),
  read_share: nullable(number("of the machine's reading speed, 0 to 1")),
  operations_per_second: number("with weights"),
  int8_share: nullable(number("of the machine's int8 peak, 0 to 1")),
  energy_method: nullable(text("how it was measured")),
  energy_is_estimate: nullable(flag("true where the power was assumed")),
  joules_per_token: nullable(number("median")),
  net_joules_per_token: nullable(number("less idle")),
});

const choice = object("", {
  threads: count("threads"),
  batchSize: count("prompt tokens evaluated at once"),
  kernel: text("kernel target"),
});

export const tuneDocument = object("", {
  model: text("path"),
  defaults: choice,
  stages: list(
    "one setting after the other",
    object("", {
      setting: text("that was tried in all its values"),
      trials: list(
        "",
        object("", {
          choice,
          promptTokensPerSecond: number("median"),
          generatedTokensPerSecond: number("median"),
          seconds: number("of a typical turn"),
          passes: count("measurements; the first values get more than hopeless ones"),
        }),
      ),
      untried: list("values that there was no time for", any("a number or a name")),
      chosen: choice,
    }),
  ),
  best: choice,
  gain: nullable(
    object("The best beside the defaults, in turns; null: they are the same.", {
      turn: number("times as fast, for a typical turn"),
      confidence95: list("low, high", { type: "number" }),
      prompt: number("times as fast"),
      generation: number("times as fast"),
    }),
  ),
  tuned: nullable(choice),
  file: text("where it is remembered"),
});

export const tuneForgotten = object("", {
  model: text("path"),
  forgotten: flag("true"),
  file: text("where it was remembered"),
});
