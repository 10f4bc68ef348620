import { openModelSource } from "../../checkpoint/open.ts";
import type { ModelSource } from "../../checkpoint/source.ts";
import type { KvType, WeightForm } from "../../engine/binding.ts";
import { BUNDLED_MODEL_NOTE, bundledModelPath } from "../../engine/bundled.ts";
import { hparamsOf } from "../../engine/hparams.ts";
import { UsageError } from "../../errors.ts";
import type { Output } from "../../ui/output.ts";
import { formatTable } from "../../ui/table.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { i2sLayout } from "../i2s-layout.ts";
import {
  describeModel,
  describePlan,
  describeProfiles,
  describeSystem,
  type Section,
} from "../info-text.ts";
import { planMemory } from "../memory-plan.ts";
import { formatMetadata } from "../metadata.ts";
import { summarizeModel } from "../model-summary.ts";
import { locateModel } from "../models/ready.ts";
import type { OptionValues } from "../options.ts";
import { describeProbe, probeLayouts, warnOfLayout } from "../probe.ts";
import { reportProfiles } from "../profile.ts";
import { readSample } from "../prompt.ts";
import { reportSettings } from "../settings.ts";
import { availableMemory, summarizeSystem } from "../system-summary.ts";
import { tunedSettings } from "../tuning.ts";

export const info = defineCommand({
  description:
    "Shows the CPU, the kernel targets and which one is used, then what is in a model's header and what " +
    "memory it takes; with a model named, that alone. Weights are not read, except with --probe: nothing in the bytes of " +
    "an I2_S file says in which of five orders its weights are, only whether the model makes sense.",
  argument: { syntax: "[model]", help: "GGUF file or checkpoint directory" },
  options: [
    "model",
    "ctxSize",
    "i2sLayout",
    "probe",
    "text",
    "threads",
    "kvType",
    "weights",
    "headCopy",
    "batchSize",
    "metadata",
    "config",
    "json",
  ],
  examples: [
    { command: "bitnet info", says: "this machine" },
    { command: "bitnet info model.gguf -c 4096", says: "a model, and its memory for 4096 tokens" },
    { command: "bitnet info model.gguf --metadata", says: "every metadata key" },
    { command: "bitnet info model.gguf --probe", says: "is its I2_S layout the right one?" },
    { command: "bitnet info --config", says: "settings and where they come from" },
  ],
  async run(context, options, argument) {
    const { out, origins } = context;
    if (options.config) return showConfig(out, options.json);
    // A model from a configuration file is for running; `info` alone is about the machine.
    const flag = origins.model === "--model" ? options.model : undefined;
    const named = argument ?? flag;
    if (named === undefined) context.ui.info(BUNDLED_MODEL_NOTE);
    const source = await openModelSource(
      named === undefined ? bundledModelPath() : await locateModel(named),
      { i2sLayout: i2sLayout(options.i2sLayout) },
    );
    if (options.metadata) return showMetadata(out, source, options.json);
    if (options.probe) return showProbe(context, source, options);
    if (options.text !== undefined) {
      throw new UsageError("--text needs --probe", { hint: "add --probe" });
    }
    const system = summarizeSystem();
    const weights = system.kernels.compactWeights ? options.weights : "fast";
    const { model, plan } = describe(source, { ...options, weights });
    const profiles = reportProfiles();
    if (options.json) return out.json({ system, profiles, model, plan });
    const machine =
      named === undefined ? [...describeSystem(system), describeProfiles(profiles)] : [];
    await printSections(out, [...machine, ...describeModel(model), describePlan(plan)]);
  },
});

function describe(source: ModelSource, options: PlanFlags) {
  const hparams = hparamsOf(source.metadata);
  const contextLength = options.ctxSize === 0 ? hparams.contextLength : options.ctxSize;
  const plan = planMemory(source, hparams, {
    contextLength,
    kvType: options.kvType,
    weights: options.weights,
    headCopy: options.headCopy === "auto",
    batchSize: options.batchSize,
    availableBytes: availableMemory(),
  });
  return { model: summarizeModel(source), plan };
}

interface PlanFlags {
  readonly ctxSize: number;
  readonly kvType: KvType;
  readonly weights: WeightForm;
  readonly headCopy: string;
  readonly batchSize: number;
}

async function showProbe(
  context: Context,
  source: ModelSource,
  options: OptionValues<"text" | "threads" | "kvType" | "batchSize" | "json">,
): Promise<void> {
  const { threads, kvType, batchSize } = options;
  const text = await readSample(options.text, context);
  const probe = await probeLayouts(context, source, text, { threads, kvType, batchSize });
  if (options.json) await context.out.json({ probe });
  else await printSections(context.out, [describeProbe(probe)]);
  warnOfLayout(context, source.path, probe);
}

async function showMetadata(out: Output, { metadata }: ModelSource, json: boolean): Promise<void> {
  if (json) {
    const values = [...metadata].map(([key, { value }]) => [key, value]);
    return out.json({ metadata: Object.fromEntries(values) });
  }
  const rows = [...metadata].map(([key, entry]) => [key, entry.type, formatMetadata(entry)]);
  for (const line of formatTable(rows, { indent: 0 })) await out.line(line);
}

async function showConfig(out: Output, json: boolean): Promise<void> {
  const where = { env: process.env, cwd: process.cwd() };
  const settings = await reportSettings(where, tunedSettings);
  if (json) return out.json({ settings });
  const rows = settings.map(({ key, value, fallbackText, origin }) => {
    const shown = value === undefined ? (fallbackText ?? "none") : JSON.stringify(value);
    return [key, shown, origin];
  });
  for (const line of formatTable(rows, { indent: 0 })) await out.line(line);
}

async function printSections(out: Output, sections: readonly Section[]): Promise<void> {
  for (const { title, lines } of sections) {
    if (lines.length === 0) continue;
    await out.title(title);
    for (const line of lines) await out.line(line);
  }
}
