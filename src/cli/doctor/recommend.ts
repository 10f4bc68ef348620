import { defaultThreads } from "../../engine/threads.ts";
import type { Use } from "./uses.ts";

/** What suits a use on this machine, as `doctor --recommend --json` prints it. */
export interface Recommendation {
  readonly use: Use;
  /** Settings for bitnet.config.json. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  readonly why: string;
  /** To be given in this order. */
  readonly commands: readonly string[];
}

interface Advice {
  /** Threads at most; default: one per core. */
  readonly threads?: number;
  readonly settings: Recommendation["settings"];
  readonly why: string;
  readonly commands: readonly string[];
}

const ADVICE: Readonly<Record<Use, Advice>> = {
  production: {
    settings: { parallel: 8 },
    why: "threads and kernels tuned for this machine, many requests in one batch, and a baseline to compare updates with",
    commands: [
      "bitnet setup 2b4t --no-tune",
      "bitnet tune -m 2b4t --budget 5m",
      "bitnet bench -m 2b4t --save baseline.json",
      "bitnet run -m 2b4t --batch prompts.jsonl -o answers.jsonl",
      "bitnet bench -m 2b4t --compare baseline.json",
    ],
  },
  development: {
    settings: { seed: 1 },
    why: "the bundled model loads at once, and the same seed gives the same text on every machine",
    commands: ['bitnet run -p "Once upon a time" --json', "bitnet info --config"],
  },
  mobile: {
    threads: 2,
    settings: { ctxSize: 1024, kvType: "int8", headCopy: "off", mmap: true, parallel: 1 },
    why: "two threads and the file's own pages keep power and memory low",
    commands: ["bitnet setup 2b4t --quant-embd", 'bitnet run -m 2b4t -cnv -p "hi"'],
  },
  research: {
    settings: { kvType: "f32", temperature: 0 },
    why: "nothing is rounded but what the model rounds itself, and every logit can be looked at",
    commands: [
      "bitnet perplexity -m 2b4t -f text.txt",
      "bitnet perplexity -m 2b4t -f text.txt --activations none",
      'bitnet run -m 2b4t -p "hi" --json --logprobs 5',
    ],
  },
  edge: {
    threads: 4,
    settings: { ctxSize: 2048, kvType: "int8", weights: "compact", headCopy: "off", parallel: 2 },
    why: "compact weights hold the same numbers in less memory, an int8 KV cache nearly the same",
    commands: [
      "bitnet setup 2b4t --quant-embd",
      "bitnet run -m 2b4t --batch in.jsonl -o out.jsonl",
    ],
  },
  cloud: {
    settings: { parallel: 16 },
    why: "every core, and many sequences that share each reading of the weights",
    commands: [
      "bitnet setup 2b4t",
      "bitnet run -m 2b4t --batch in.jsonl -o out.jsonl --order finish",
    ],
  },
};

export function recommend(use: Use, cores: number = defaultThreads()): Recommendation {
  const { threads = cores, settings, why, commands } = ADVICE[use];
  return { use, settings: { threads: Math.min(threads, cores), ...settings }, why, commands };
}
