import {
  any,
  count,
  either,
  list,
  nullable,
  number,
  object,
  oneOf,
  type Schema,
  text,
} from "./schema.ts";

// What run, chat, embed and perplexity print.

const usage = object("Tokens.", {
  promptTokens: count("of the prompt"),
  generatedTokens: count("of the answer"),
  draftedTokens: count("guessed ahead; see `--speculate`"),
  acceptedTokens: count("of the guesses, those that were right"),
});

const timing = object(
  "Milliseconds, to the microsecond; rates are null where nothing was measured.",
  {
    loadMs: number("loading the model"),
    promptMs: number("reading the prompt"),
    firstTokenMs: number("from the request to the first token"),
    generateMs: number("from the first token to the last"),
    promptTokensPerSecond: nullable(number("tokens of the prompt in a second")),
    generatedTokensPerSecond: nullable(number("tokens after the first in a second")),
  },
);

const candidate = object("", {
  id: count("token id"),
  text: text("its text; part of a character is empty or a replacement character"),
  logprob: number("natural logarithm of its probability, before sampling settings"),
});

export const tokens = list(
  "with `--logprobs`: each generated token",
  object("", {
    id: count("token id"),
    text: text("its text"),
    logprob: number("natural logarithm of its probability, before sampling settings"),
    top: list("the likeliest tokens in its place, as many as `--logprobs` says", candidate),
  }),
);

const seed = either(
  "gives the same text again with the same options; a string where it exceeds 2^53",
  { type: "integer" },
  { type: "string" },
);

const finishReason = oneOf(
  "why the text ended: by itself or by `--stop`, by `-n`, by the context window, or told to",
  "stop",
  "length",
  "context",
  "cancelled",
);

const summary = {
  finishReason,
  "stopText?": text("the text of `--stop` that ended it"),
  seed,
  usage,
  timing,
};

export const runDocument = object("", {
  model: text("path of the model"),
  text: text("what was generated"),
  ...summary,
  "tokens?": tokens,
});

export const tokenEvent = object("", {
  type: oneOf("", "token"),
  text: text("a piece of the answer, whole characters"),
  "tokens?": tokens,
});

export const doneEvent = object("", {
  type: oneOf("", "done"),
  model: text("path of the model"),
  ...summary,
});

export const chatDocument = object("", {
  turn: count("number of the turn, from 1"),
  model: text("path of the model"),
  text: text("the answer, without white space around it"),
  ...summary,
});

export const chatToken = object("", {
  type: oneOf("", "token"),
  text: text("a piece of the answer"),
});

export const chatDone = object("", {
  type: oneOf("", "done"),
  turn: count("number of the turn, from 1"),
  model: text("path of the model"),
  ...summary,
});

export const errorFields: Readonly<Record<string, Schema>> = {
  code: text("kind of the failure, with the exit status beside it: see [Errors](#errors)"),
  message: text("what happened"),
  "hint?": text("what to do about it"),
};

const answerHead = {
  id: either(
    "the request's own, else the number of its line",
    { type: "string" },
    { type: "number" },
  ),
  line: count("of the input, from 1"),
  fingerprint: text("of request and settings: a restart tells by it that they are the same"),
  "metadata?": any("the request's own, as it came"),
};

export const batchAnswer = object("", {
  ...answerHead,
  status: oneOf("", "ok"),
  response: text("the answer"),
  finishReason,
  "stopText?": text("the stop text that ended it"),
  seed,
  usage: object("Tokens.", {
    promptTokens: count("of the prompt"),
    generatedTokens: count("of the answer"),
  }),
  timing: object("Others run beside it.", {
    firstTokenMs: number("milliseconds from its start to the first token"),
    totalMs: number("milliseconds from its start to its end"),
  }),
});

export const batchFailure = object("", {
  ...answerHead,
  status: oneOf("", "error"),
  error: object("Why there is no answer.", errorFields),
});

export const batchSummary = object("", {
  output: text("file of the answers"),
  requests: object("", {
    total: count("requests"),
    skipped: count("answered by an earlier run"),
    ok: count("answered"),
    failed: count("not answered"),
  }),
  usage: object("Tokens of this run.", {
    promptTokens: count("of the prompts"),
    generatedTokens: count("of the answers"),
  }),
  timing: object("Of this run; null where nothing was measured.", {
    totalMs: number("milliseconds in all"),
    meanMs: nullable(
      number("milliseconds from the start of a request to its end, others beside it"),
    ),
    requestsPerSecond: nullable(number("answers in a second")),
    generatedTokensPerSecond: nullable(number("tokens of all answers in a second")),
  }),
  peakMemoryBytes: count("most memory that the process has taken"),
});

const vector = object("", {
  index: count("of the text, from 0"),
  tokens: count("of the text"),
  embedding: list("the vector", { type: "number" }),
});

export const embedLine = vector;

export const embedDocument = object("", {
  model: text("path of the model"),
  dimensions: count("of each vector"),
  pooling: text("how tokens become one vector: mean, last, cls"),
  normalized: { type: "boolean", description: "whether the vectors have length 1" },
  embeddings: list("in the order of the texts", vector),
  usage: object("", { promptTokens: count("of all texts") }),
});

const estimate = {
  perplexity: number("exp of the loss"),
  standardError: number("of the perplexity, as if tokens were predicted independently"),
  loss: number("mean of -log p over the scored tokens, nats"),
};

export const perplexityDocument = object("", {
  model: text("path of the model"),
  "compared?": text("path of the other, with `--compare`"),
  ...estimate,
  tokens: count("of the text, BOS included"),
  chunks: count("windows"),
  ctxSize: count("tokens of a window"),
  stride: nullable(count("tokens from window to window; null: side by side")),
  scored: count("tokens"),
  "other?": object("The other file, on the same text.", estimate),
  "divergence?": object("Its predictions beside the first's.", {
    klMean: number("mean Kullback-Leibler divergence, nats"),
    klStandardError: number("of the mean, nats"),
    klMax: number("largest, nats"),
    top1Agreement: number("share of places with the same likeliest token, 0 to 1"),
    maxProbabilityShift: number("largest change of the probability of the text's own token"),
  }),
});
