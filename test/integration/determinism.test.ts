import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AddonModel, KvType } from "../../src/engine/binding.ts";
import { bitsOf } from "../support/compare.ts";
import {
  type EngineOptions,
  evaluateAll,
  evaluatePieces,
  type GoldenModel,
  generate,
  goldenSpec,
  loadGolden,
} from "../support/engine.ts";
import { goldenTextIds } from "../support/golden.ts";
import { splitEvery, splitRandomly } from "../support/splits.ts";
import { evaluateUnder, runnableTargets, type TargetRun } from "../support/targets.ts";

// Same tokens, same logits, to the last bit: whatever the number of threads, the batches, the
// kernel target, the neighbours in the batch or the history of the sequence.

const VOCAB_SIZE = 512;
/** Long enough to cross three borders between chunks of the KV cache. */
const PROMPT = goldenTextIds().ids.slice(0, 200);
const OTHER = goldenTextIds().ids.slice(1000, 1130);
const THREADS = [1, 2, 3, 4];
const SPLITS: readonly (readonly [label: string, pieces: number[][]])[] = [
  ...[1, 7, 64].map((size) => [`pieces of ${size}`, splitEvery(PROMPT, size)] as const),
  ["one piece", [PROMPT]],
  ...[1, 2, 3].map((seed) => [`random pieces ${seed}`, splitRandomly(PROMPT, 90, seed)] as const),
];
/** Sizes of the forward passes into which the engine itself cuts one long piece. */
const BATCH_SIZES = [1, 7, 64];

async function withModel<T>(
  name: GoldenModel,
  options: EngineOptions,
  use: (model: AddonModel) => Promise<T>,
): Promise<T> {
  const model = await loadGolden(name, options);
  try {
    return await use(model);
  } finally {
    await model.close();
  }
}

async function bitsFor(name: GoldenModel, options: EngineOptions): Promise<Buffer> {
  return bitsOf(await withModel(name, options, (model) => evaluateAll(model, [PROMPT])));
}

function expectBits(actual: Buffer, expected: Buffer, label: string): void {
  if (actual.equals(expected)) return;
  const differing = actual.length === expected.length ? firstDifference(actual, expected) : "size";
  expect.fail(`${label}: other bits (first difference: ${differing})`);
}

function firstDifference(a: Buffer, b: Buffer): string {
  const byte = a.findIndex((value, i) => value !== b[i]);
  const at = byte - (byte % 4);
  const index = at / 4;
  const where = `position ${Math.floor(index / VOCAB_SIZE)}, token ${index % VOCAB_SIZE}`;
  return `${where}: ${a.readFloatLE(at)} and ${b.readFloatLE(at)}`;
}

describe.each<KvType>(["f32", "f16", "bf16", "int8"])("logits with %s KV", (kvType) => {
  let expected: Buffer;
  beforeAll(async () => {
    expected = await bitsFor("a-gguf", { kvType, threads: 1 });
  });

  it("are numbers, and differ between positions", () => {
    const values = new Float32Array(new Uint8Array(expected).buffer);
    expect(values).toHaveLength(PROMPT.length * VOCAB_SIZE);
    expect(values.every(Number.isFinite)).toBe(true);
    expect(values.slice(0, VOCAB_SIZE)).not.toEqual(values.slice(-VOCAB_SIZE));
  });

  const targets = runnableTargets();

  it("come from at least one kernel target", () => {
    expect(targets).toContain("scalar");
  });

  it.each(targets)("have the same bits on %s with all threads and batches", async (target) => {
    const runs: TargetRun[] = [];
    const labels: string[] = [];
    for (const threads of THREADS) {
      const options = { kvType, threads };
      const spec = await goldenSpec("a-gguf", { ...options, batchSize: 512 });
      runs.push({ spec, jobs: SPLITS.map(([, pieces]) => pieces) });
      labels.push(...SPLITS.map(([label]) => `${threads} threads, ${label}`));
      for (const batchSize of BATCH_SIZES) {
        runs.push({
          spec: await goldenSpec("a-gguf", { ...options, batchSize }),
          jobs: [[PROMPT]],
        });
        labels.push(`${threads} threads, batch size ${batchSize}`);
      }
    }
    const results = evaluateUnder(target, runs, VOCAB_SIZE);
    expect(results).toHaveLength(labels.length);
    for (const [i, bits] of results.entries()) expectBits(bits, expected, labels[i] ?? "");
  });

  it("have the same bits when run from the file's pages", async () => {
    expectBits(await bitsFor("a-gguf", { kvType, mmap: true }), expected, "mmap");
  });

  it.each<GoldenModel>(["a-packed", "a-master-bf16"])(
    "have the same bits from %s, which holds the same weights",
    async (name) => {
      expectBits(await bitsFor(name, { kvType }), expected, name);
    },
  );
});

describe("sequences", () => {
  let model: AddonModel;
  let promptBits: Buffer;
  let otherBits: Buffer;
  beforeAll(async () => {
    model = await loadGolden("a-gguf", { batchSize: 64 });
    promptBits = bitsOf(await evaluateAll(model, [PROMPT]));
    otherBits = bitsOf(await evaluateAll(model, [OTHER]));
  });
  afterAll(() => model.close());

  it.each([1, 2, 3])("do not feel one another in a batch (%i)", async (seed) => {
    const [a, b, c] = await Promise.all([
      evaluateAll(model, splitRandomly(PROMPT, 40, seed)),
      evaluateAll(model, splitRandomly(OTHER, 30, seed + 10)),
      evaluateAll(model, splitEvery(PROMPT, 1)),
    ]);
    expectBits(bitsOf(a), promptBits, "first sequence");
    expectBits(bitsOf(b), otherBits, "second sequence");
    expectBits(bitsOf(c), promptBits, "third sequence");
  });

  it("generate the same text together as alone", async () => {
    const options = [1n, 2n, 3n, 4n].map((seed) => ({
      maxTokens: 40,
      sampling: { temperature: 1, seed },
    }));
    const alone = [];
    for (const each of options) alone.push((await generate(model, OTHER, each)).tokens);
    const together = await Promise.all(options.map((each) => generate(model, OTHER, each)));
    expect(together.map(({ tokens }) => tokens)).toEqual(alone);
  });

  it.each([0, 1, 63, 64, 65, 150])("go on after being cut to %i tokens", async (length) => {
    const sequence = model.createSequence(PROMPT.length);
    await evaluatePieces(sequence, [[...PROMPT.slice(0, length), ...OTHER.slice(0, 50)]]);
    expect(sequence.length()).toBe(length + 50);
    sequence.truncate(length);
    expect(sequence.length()).toBe(length);
    const rest = await evaluatePieces(sequence, [PROMPT.slice(length)]);
    sequence.close();
    const expected = promptBits.subarray(length * VOCAB_SIZE * Float32Array.BYTES_PER_ELEMENT);
    expectBits(bitsOf(rest), expected, `from ${length} on`);
  });

  it("leave nothing behind for those that come after them", async () => {
    for (let i = 0; i < 20; i++) {
      const bits = bitsOf(await evaluateAll(model, [i % 2 === 0 ? OTHER : PROMPT]));
      expectBits(bits, i % 2 === 0 ? otherBits : promptBits, `sequence ${i}`);
    }
  });
});
