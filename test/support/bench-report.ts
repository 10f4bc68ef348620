import type { Setup } from "../../src/bench/plan.ts";
import type { BenchReport, BenchResult } from "../../src/bench/report/document.ts";
import { SCHEMA } from "../../src/bench/report/document.ts";
import { summarizeLatency } from "../../src/bench/report/latency.ts";
import { estimate } from "../../src/bench/stats.ts";

export const SETUP: Setup = {
  model: "/models/2b.gguf",
  kernel: "avx2",
  threads: 2,
  batchSize: 512,
  kvType: "f16",
  weights: "fast",
  activations: "int8",
  mmap: false,
};

/** A result of a generation; `changes` go over it. */
export function benchResult(changes: Partial<BenchResult> = {}): BenchResult {
  return {
    test: "tg128",
    kind: "generate",
    tokens: 128,
    depth: 0,
    setup: SETUP,
    tokensPerSecond: estimate([40, 41, 40.5, 40.2, 40.8]),
    firstTokenMs: null,
    interTokenMs: summarizeLatency(Array.from({ length: 640 }, (_, i) => 24 + (i % 7) / 4)),
    loadMs: estimate([850]),
    peakRssBytes: 968 * 2 ** 20,
    achieved: {
      bytesPerSecond: 32e9,
      readShare: 0.8,
      operationsPerSecond: 190e9,
      operationsPerByte: 5.9,
      int8Share: 0.5,
    },
    energy: null,
    energyReason: null,
    ...changes,
  };
}

/** A result of a prompt. */
export function promptBenchResult(changes: Partial<BenchResult> = {}): BenchResult {
  return benchResult({
    test: "pp512",
    kind: "prompt",
    tokens: 512,
    tokensPerSecond: estimate([150, 152, 149, 151, 150.5]),
    firstTokenMs: estimate([3400, 3380, 3420]),
    interTokenMs: null,
    achieved: {
      bytesPerSecond: null,
      readShare: null,
      operationsPerSecond: 630e9,
      operationsPerByte: 2600,
      int8Share: 0.7,
    },
    ...changes,
  });
}

export function benchReport(changes: Partial<BenchReport> = {}): BenchReport {
  return {
    schema: SCHEMA,
    bitnet: "0.1.0",
    date: "2026-01-02T03:04:05.000Z",
    machine: {
      cpu: "A CPU",
      logicalCpus: 2,
      memoryBytes: 2 ** 34,
      platform: "linux-x64",
      node: "20.20.0",
    },
    repetitions: 5,
    limits: [
      {
        kernel: "avx2",
        threads: 2,
        readBytesPerSecond: 40e9,
        int8OperationsPerSecond: 900e9,
        f32OperationsPerSecond: 300e9,
      },
    ],
    energy: { measured: false, method: null, reason: "no meter", fix: "buy one" },
    models: [
      {
        path: "/models/2b.gguf",
        name: "2B4T",
        family: "bitnet-b1.58",
        parameters: 2_412_820_480,
        fileBytes: 800_000_000,
      },
    ],
    results: [promptBenchResult(), benchResult()],
    prompts: [],
    ...changes,
  };
}
