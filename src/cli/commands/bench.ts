import type { Plan } from "../../bench/plan.ts";
import { buildReport } from "../../bench/report/build.ts";
import { threadsText } from "../../bench/report/columns.ts";
import { compareReports, parseReport } from "../../bench/report/compare.ts";
import type { BenchReport } from "../../bench/report/document.ts";
import { runPlan } from "../../bench/runner.ts";
import { BUNDLED_MODEL_NOTE } from "../../engine/bundled.ts";
import { BitnetError, NotFoundError } from "../../errors.ts";
import { checkWritable } from "../../gguf/files.ts";
import { readTextFile, writeTextFile } from "../../gguf/text.ts";
import { describeComparison, printReport } from "../bench-output.ts";
import {
  BENCH_PLAN_OPTIONS,
  machineOf,
  planOf,
  prepareEnergy,
  probeBytes,
  readPrompts,
} from "../bench-setup.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import type { OptionValues } from "../options.ts";
import { readVersion } from "../version.ts";

const RUN_OPTIONS = [...BENCH_PLAN_OPTIONS, "powercap", "perfPower", "assumeWatts"] as const;

export const bench = defineCommand({
  description:
    "Measures how fast a model reads prompts (pp) and generates (tg), with the spread of its " +
    "repetitions, beside what this machine was measured to do at best. Every combination of the " +
    "lists is measured, in turns. Energy is measured by the machine's counters or not at all.",
  options: [...RUN_OPTIONS, "benchFormat", "json", "html", "save", "compareWith", "noise"],
  examples: [
    { command: "bitnet bench -m model.gguf", says: "prompts of 512, 128 tokens generated" },
    { command: "bitnet bench -m model.gguf -t 1,2,4 -d 0,4096", says: "by threads and depth" },
    { command: "bitnet bench -m a.gguf -m b.gguf --kernel all", says: "two models, every target" },
    { command: "bitnet bench -m model.gguf --html report.html", says: "a page with charts" },
    { command: "bitnet bench -m model.gguf --save old.json", says: "keep the figures" },
    { command: "bitnet bench -m model.gguf --compare old.json", says: "has it become slower?" },
    { command: "bitnet bench -m model.gguf --prompts list.txt -r 3", says: "answers to a list" },
  ],
  async run(context, options) {
    // What cannot be read or written is told before the work.
    await checkOutputs([options.save, options.html]);
    const before = options.compareWith && (await readReport(options.compareWith));
    const plan = await planOf(context, options);
    if (options.models.length === 0) context.ui.info(BUNDLED_MODEL_NOTE);
    const report = await measure(context, plan, options);
    const comparison = before ? compareReports(report, before, options.noise / PERCENT) : undefined;
    const format = options.json ? "json" : options.benchFormat;
    await printReport(context.out, report, format, comparison);
    if (options.save !== undefined)
      await writeTextFile(options.save, `${JSON.stringify(report, null, 2)}\n`);
    if (options.html !== undefined) {
      const { htmlReport } = await import("../../bench/report/html.ts");
      await writeTextFile(options.html, htmlReport(report));
    }
    if (comparison === undefined || options.compareWith === undefined) return;
    const lines = describeComparison(comparison, options.compareWith);
    for (const line of lines) {
      if (format === "table" || format === "md") await context.out.line(line);
      else context.ui.info(line);
    }
    if (comparison.regressed) process.exitCode = REGRESSED;
  },
});

const PERCENT = 100;
const REGRESSED = 1;

async function measure(
  context: Context,
  plan: Plan,
  options: OptionValues<(typeof RUN_OPTIONS)[number]>,
): Promise<BenchReport> {
  const { ui, signal } = context;
  const prompts = await readPrompts(options.prompts);
  const machine = machineOf();
  const energy = await prepareEnergy(context, options);
  const { repetitions } = options;
  const spinner = await ui.wait("loading");
  try {
    const outcome = await runPlan(plan, {
      repetitions,
      probeBytes: options.limits ? probeBytes() : null,
      energy: energy.where,
      prompts:
        prompts.length === 0 ? null : { texts: prompts, maxTokens: options.nGen[0] ?? DEFAULT_GEN },
      env: process.env,
      signal,
      onStep: ({ done, total, setup, label }) => {
        const step = `${done} of ${total}: ${label} (${setup.kernel}, ${threadsText(setup.threads)})`;
        spinner.update(step);
        ui.debug(step);
      },
    });
    const date = new Date();
    const facts = { bitnet: readVersion(), date, machine, repetitions, prompts };
    return buildReport(plan, outcome, { ...facts, energy: energy.report });
  } finally {
    spinner.stop();
  }
}

const DEFAULT_GEN = 128;

async function checkOutputs(paths: readonly (string | undefined)[]): Promise<void> {
  for (const path of paths) if (path !== undefined) await checkWritable(path);
}

async function readReport(path: string): Promise<BenchReport> {
  const text = await readTextFile(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause instanceof BitnetError) throw cause;
    throw new NotFoundError(`${path} cannot be read (${cause.code})`, {
      hint: "write it first: bitnet bench --save FILE",
      cause,
    });
  });
  return parseReport(text, path);
}
