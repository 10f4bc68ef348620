import type { KvType, WeightForm } from "../engine/binding.ts";
import type { ActivationsOption } from "../engine/hparams.ts";

/** How a model is loaded for a measurement. */
export interface Setup {
  readonly model: string;
  /** Name of the kernel target. */
  readonly kernel: string;
  readonly threads: number;
  readonly batchSize: number;
  readonly kvType: KvType;
  readonly weights: WeightForm;
  readonly activations: ActivationsOption;
  readonly mmap: boolean;
}

/** What is measured: a prompt is evaluated, or tokens are generated, after `depth` tokens. */
export interface TestCase {
  readonly kind: "prompt" | "generate";
  readonly tokens: number;
  readonly depth: number;
}

/** Lists, of which every combination is measured. */
export interface Lists {
  readonly models: readonly string[];
  readonly kernels: readonly string[];
  readonly threads: readonly number[];
  readonly batchSizes: readonly number[];
  readonly kvTypes: readonly KvType[];
  readonly weights: readonly WeightForm[];
  readonly nPrompt: readonly number[];
  readonly nGen: readonly number[];
  readonly depths: readonly number[];
  readonly activations: ActivationsOption;
  readonly mmap: boolean;
}

export interface Plan {
  readonly setups: readonly Setup[];
  readonly tests: readonly TestCase[];
}

export function planBench(lists: Lists): Plan {
  const { activations, mmap } = lists;
  const setups = lists.models.flatMap((model) =>
    lists.kernels.flatMap((kernel) =>
      lists.weights.flatMap((weights) =>
        lists.kvTypes.flatMap((kvType) =>
          lists.batchSizes.flatMap((batchSize) =>
            lists.threads.map((threads) => {
              return { model, kernel, threads, batchSize, kvType, weights, activations, mmap };
            }),
          ),
        ),
      ),
    ),
  );
  const tests = lists.depths.flatMap((depth) => [
    ...lists.nPrompt.map((tokens) => ({ kind: "prompt", tokens, depth }) as const),
    ...lists.nGen.map((tokens) => ({ kind: "generate", tokens, depth }) as const),
  ]);
  return { setups, tests: tests.filter(({ tokens }) => tokens > 0) };
}

/** `pp512`, `tg128 @ d4096`: the names of llama-bench. */
export function testName({ kind, tokens, depth }: TestCase): string {
  const name = `${kind === "prompt" ? "pp" : "tg"}${tokens}`;
  return depth === 0 ? name : `${name} @ d${depth}`;
}

/** Positions that the context window must hold: the last token is never evaluated. */
export function positionsOf({ kind, tokens, depth }: TestCase): number {
  return kind === "prompt" ? depth + tokens : Math.max(1, depth) + tokens;
}

/** The order in which setups take their turns in a round: each begins once, so that none always
 *  follows the same neighbour. */
export function turns<T>(items: readonly T[], round: number): readonly T[] {
  const first = items.length === 0 ? 0 : round % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}
