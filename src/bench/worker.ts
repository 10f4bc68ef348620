import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { openModelSource } from "../checkpoint/open.ts";
import type { ModelSource } from "../checkpoint/source.ts";
import { loadAddon } from "../engine/load-addon.ts";
import { Model } from "../engine/model.ts";
import { fromNative } from "../errors.ts";
import { type EnergyMeter, isMeter } from "./energy/meter.ts";
import { openMeter } from "./energy/open.ts";
import { Stopwatch } from "./measure.ts";
import { testName } from "./plan.ts";
import type {
  Answer,
  MeasuredPass,
  MeasureRequest,
  ModelFacts,
  PromptSample,
  Sample,
  WorkerMessage,
  WorkerRequest,
} from "./protocol.ts";
import { workFacts } from "./work.ts";

// The program of a measuring process: one request comes in, steps and one answer go out.

process.once("message", (request: WorkerRequest) => {
  answer(request)
    .then((found) => send({ type: "done", answer: found }))
    .catch((thrown: unknown) => {
      const { code, message, hint } = fromNative(thrown) as Error & {
        code?: string;
        hint?: string;
      };
      send({ type: "error", code, message, hint });
    })
    .finally(() => process.disconnect());
});
// Whoever asked is gone.
process.once("disconnect", () => process.kill(process.pid));

function send(message: WorkerMessage): void {
  process.send?.(message);
}

async function answer(request: WorkerRequest): Promise<Answer> {
  return request.type === "limits" ? loadAddon().machineLimits(request) : measure(request);
}

async function measure(request: MeasureRequest): Promise<MeasuredPass> {
  const { setup } = request;
  const source = await openModelSource(setup.model);
  const startedAt = performance.now();
  const model = await Model.load(source, setup);
  const loadMs = performance.now() - startedAt;
  const meter = request.energy && openMeter(request.energy);
  const opened: EnergyMeter | null = meter && isMeter(meter) ? meter : null;
  const stopwatch = new Stopwatch(model, request.tests, opened);
  try {
    await stopwatch.warmUp();
    const samples = await runTests(request, stopwatch);
    const prompts = await runPrompts(request, stopwatch);
    const facts = factsOf(source, model, request);
    return { facts, loadMs, peakRssBytes: peakRss(), samples, prompts };
  } finally {
    stopwatch.close();
    opened?.close();
    await model.close();
  }
}

async function runTests({ tests, rounds }: MeasureRequest, stopwatch: Stopwatch) {
  const samples: Sample[][] = tests.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [i, test] of tests.entries()) {
      samples[i]?.push(await stopwatch.sample(test));
      send({ type: "step", label: testName(test) });
    }
  }
  return samples;
}

async function runPrompts({ prompts, rounds }: MeasureRequest, stopwatch: Stopwatch) {
  if (prompts === null) return [];
  const samples: PromptSample[][] = prompts.texts.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [i, text] of prompts.texts.entries()) {
      samples[i]?.push(await stopwatch.answer(text, prompts.maxTokens));
      send({ type: "step", label: `prompt ${i + 1}` });
    }
  }
  return samples;
}

function factsOf(source: ModelSource, model: Model, { setup }: MeasureRequest): ModelFacts {
  const name = source.metadata.get("general.name")?.value;
  const { active, compactWeights } = loadAddon().cpuReport();
  const weights = compactWeights ? setup.weights : "fast";
  return {
    name: typeof name === "string" && name !== "" ? name : basename(setup.model),
    family: model.hparams.family,
    parameters: source.tensors.reduce((sum, { rows, cols }) => sum + rows * cols, 0),
    fileBytes: source.tensors.reduce((sum, { bytes }) => sum + bytes, 0),
    contextLength: model.hparams.contextLength,
    kernel: active,
    work: workFacts(source, model.hparams, { kvType: setup.kvType, weights }),
  };
}

/** Linux counts the peak of this program; `maxRSS` would be the parent's, if that was larger. */
function peakRss(): number {
  try {
    const kib = /VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    return Number(kib) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}
