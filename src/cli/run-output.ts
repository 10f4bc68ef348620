import type { FinishReason } from "../engine/binding.ts";
import type { GeneratedToken, GenerationChunk, GenerationResult } from "../engine/generation.ts";
import { formatDuration, formatRate } from "../ui/format.ts";
import type { Output } from "../ui/output.ts";
import type { RunFormat } from "./run-options.ts";

/** The end of a run, as `--json` and the `done` event print it. Fields are only ever added. */
export interface RunSummary {
  readonly model: string;
  readonly finishReason: FinishReason;
  /** The text of `--stop` that ended the answer. */
  readonly stopText?: string;
  /** With a schema or grammar: whether the text is a whole one. */
  readonly complete?: boolean;
  /** Gives the same text again with the same options. */
  readonly seed: number | bigint;
  readonly usage: RunUsage;
  readonly timing: RunTiming;
}

export interface RunUsage {
  readonly promptTokens: number;
  readonly generatedTokens: number;
  /** Tokens guessed ahead (see --speculate), and those of them that were right. */
  readonly draftedTokens: number;
  readonly acceptedTokens: number;
}

/** Milliseconds to the microsecond; rates are null where nothing was measured. */
export interface RunTiming {
  readonly loadMs: number;
  readonly promptMs: number;
  /** From the request to the first token. */
  readonly firstTokenMs: number;
  /** From the first token to the last. */
  readonly generateMs: number;
  readonly promptTokensPerSecond: number | null;
  readonly generatedTokensPerSecond: number | null;
}

export interface RunFacts {
  readonly model: string;
  /** As the user gave it. */
  readonly seed: number | undefined;
  readonly loadMs: number;
}

export function summarizeRun(
  result: GenerationResult,
  { model, seed, loadMs }: RunFacts,
): RunSummary {
  const { finishReason, stopText, complete, promptTokens, generatedTokens } = result;
  const { draftedTokens, acceptedTokens } = result;
  const { promptMs, generateMs, firstTokenMs } = result;
  return {
    model,
    finishReason,
    ...(stopText === undefined ? {} : { stopText }),
    ...(complete === undefined ? {} : { complete }),
    seed: seed ?? result.seed,
    usage: { promptTokens, generatedTokens, draftedTokens, acceptedTokens },
    timing: {
      loadMs: round(loadMs),
      promptMs: round(promptMs),
      firstTokenMs: round(firstTokenMs),
      generateMs: round(generateMs),
      promptTokensPerSecond: perSecond(promptTokens, promptMs),
      // The first token comes from the prompt's own forward pass.
      generatedTokensPerSecond: perSecond(generatedTokens - 1, generateMs),
    },
  };
}

function perSecond(tokens: number, ms: number): number | null {
  return tokens > 0 && ms > 0 ? round((tokens * 1000) / ms) : null;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** How an answer is written to standard output. */
export interface RunPrinter {
  chunk(chunk: GenerationChunk): Promise<void>;
  done(summary: RunSummary): Promise<void>;
}

export function openRunPrinter(out: Output, format: RunFormat): RunPrinter {
  if (format === "json") return jsonPrinter(out);
  return format === "ndjson" ? eventPrinter(out) : textPrinter(out);
}

function textPrinter(out: Output): RunPrinter {
  return {
    chunk: ({ text }) => out.text(text),
    done: () => out.finishLine(),
  };
}

function eventPrinter(out: Output): RunPrinter {
  return {
    chunk: async ({ text, tokens }) => {
      // A token that only begins a character has no text yet.
      if (text !== "" || tokens)
        await out.event({ type: "token", text, ...(tokens && { tokens }) });
    },
    done: (summary) => out.event({ type: "done", ...summary }),
  };
}

function jsonPrinter(out: Output): RunPrinter {
  let text = "";
  let tokens: readonly GeneratedToken[] | undefined;
  return {
    chunk: async (chunk) => {
      text += chunk.text;
      if (chunk.tokens) tokens = [...(tokens ?? []), ...chunk.tokens];
    },
    done: ({ model, ...summary }) =>
      out.json({ model, text, ...summary, ...(tokens && { tokens }) }),
  };
}

const ENDINGS: Readonly<Record<FinishReason, string>> = {
  stop: "ended by itself",
  length: "cut off by -n",
  context: "cut off by the context window",
  cancelled: "cancelled",
};

/** `12 prompt tokens at 310 tok/s, first token after 85 ms, 128 tokens at 41.2 tok/s, ...`. */
export function describeRun(summary: RunSummary): string {
  const { usage, timing } = summary;
  const { promptTokens, generatedTokens, draftedTokens, acceptedTokens } = usage;
  return [
    `${promptTokens} prompt tokens at ${rate(timing.promptTokensPerSecond)}`,
    `first token after ${formatDuration(timing.firstTokenMs)}`,
    `${generatedTokens} tokens at ${rate(timing.generatedTokensPerSecond)}`,
    ...(draftedTokens > 0 ? [`${acceptedTokens} of ${draftedTokens} guesses right`] : []),
    describeEnding(summary),
  ].join(", ");
}

/** Why the text ended. */
export function describeEnding({
  finishReason,
  stopText,
}: Pick<RunSummary, "finishReason" | "stopText">): string {
  return stopText === undefined ? ENDINGS[finishReason] : "ended by --stop";
}

function rate(tokensPerSecond: number | null): string {
  return tokensPerSecond === null ? "-" : `${formatRate(tokensPerSecond)} tok/s`;
}
