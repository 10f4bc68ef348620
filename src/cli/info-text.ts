import type { WeightForm } from "../engine/binding.ts";
import { formatBytes, formatCount } from "../ui/format.ts";
import { formatTable } from "../ui/table.ts";
import type { MemoryPlan } from "./memory-plan.ts";
import type { ModelSummary } from "./model-summary.ts";
import type { ProfileReport } from "./profile.ts";
import type { SystemSummary } from "./system-summary.ts";

/** A titled part of `info`. */
export interface Section {
  readonly title: string;
  readonly lines: readonly string[];
}

export function describeSystem(system: SystemSummary): readonly Section[] {
  const { cpu, kernels, memory } = system;
  const targets = kernels.targets.map(({ name, runnable, missing }) => {
    const state = runnable ? "runs here" : `lacks ${missing.join(", ")}`;
    return [name, name === kernels.active ? `active: ${kernels.reason}` : state];
  });
  const available = `${formatBytes(memory.availableBytes)} available`;
  return [
    {
      title: "System",
      lines: formatTable([
        ["platform", `${system.platform}, Node ${system.node}`],
        ["CPU", `${cpu.brand}, ${cpu.logicalCpus} logical CPUs`],
        ["features", cpu.features.join(" ") || "none"],
        ["memory", `${formatBytes(memory.totalBytes)}, ${available}`],
      ]),
    },
    { title: "Kernel targets", lines: formatTable(targets) },
  ];
}

/** What each profile would do on this machine. */
export function describeProfiles(profiles: readonly ProfileReport[]): Section {
  const rows = profiles.map((profile) => [
    profile.name,
    String(profile.threads),
    String(profile.batchSize),
    profile.contextTokens === null ? "the model's" : String(profile.contextTokens),
    formatBytes(profile.memoryLimitBytes),
    profile.weights,
    profile.kvType,
    profile.summary,
  ]);
  const header = ["name", "threads", "batch", "context", "memory", "weights", "KV", "for"];
  return { title: "Profiles (--profile)", lines: formatTable([header, ...rows], { header: true }) };
}

export function describeModel(model: ModelSummary): readonly Section[] {
  const { shape, tokenizer } = model;
  const rows: [string, string | number | undefined][] = [
    ["name", model.name],
    ["family", model.family],
    ["parameters", formatCount(model.parameters)],
    ["context", shape.contextLength],
    ["layers", shape.nLayers],
    ["d_model", shape.dModel],
    ["d_ff", shape.dFf],
    ["heads", shape.nHeads],
    ["KV heads", shape.nKvHeads],
    ["tokenizer", describeTokenizer(tokenizer)],
    ["chat template", model.chatTemplate ? "yes" : "no"],
  ];
  const known = rows.flatMap(([label, value]) => {
    return value === undefined ? [] : [[label, String(value)]];
  });
  const types = model.tensorTypes.map(({ type, tensors, parameters, bytes }) => {
    return [type, String(tensors), formatCount(parameters), formatBytes(bytes)];
  });
  const header = ["type", "tensors", "parameters", "size"];
  return [
    { title: `Model ${model.path}`, lines: formatTable(known) },
    { title: "Tensors", lines: formatTable([header, ...types], { header: true }) },
    { title: "Notes", lines: model.notes.map((note) => `  ${note}`) },
  ];
}

const BITS: Readonly<Record<WeightForm, string>> = {
  fast: "ternary ones in 2 bits",
  compact: "ternary ones in 1.6 bits",
};

export function describePlan(plan: MemoryPlan): Section {
  const available = formatBytes(plan.availableBytes);
  const verdict = plan.fits ? `fits in ${available}` : `only ${available} available`;
  const rows = [
    ["weights", `${formatBytes(plan.weightBytes)}, ${BITS[plan.weights]}`],
    ["KV cache", formatBytes(plan.kvCacheBytes)],
    ["activations", `about ${formatBytes(plan.activationBytes)}`],
    ["total", `${formatBytes(plan.totalBytes)}: ${verdict}`],
  ];
  const title = `Memory for ${plan.contextLength} tokens, KV cache in ${plan.kvType}`;
  return { title, lines: formatTable(rows) };
}

function describeTokenizer({ model, pre, vocabSize }: ModelSummary["tokenizer"]): string {
  if (model === undefined) return "none";
  const kind = pre === undefined ? model : `${model} (${pre})`;
  return vocabSize === undefined ? kind : `${kind}, ${vocabSize} tokens`;
}
