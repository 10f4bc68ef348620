import { availableParallelism } from "node:os";
import { bundledModelPath } from "../../engine/bundled.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { checkEngine, checkNode, checkThreads } from "../doctor/engine.ts";
import type { Finding } from "../doctor/finding.ts";
import { checkModel } from "../doctor/models.ts";
import { type Recommendation, recommend } from "../doctor/recommend.ts";
import { checkCache, checkEnergy, checkHub, checkMemory } from "../doctor/resources.ts";
import { listModels } from "../models/inventory.ts";
import { locateModel } from "../models/ready.ts";
import type { OptionValues } from "../options.ts";

const OPTIONS = ["threads", "powercap", "perfPower", "probe", "full", "recommend", "json"] as const;
type Options = OptionValues<(typeof OPTIONS)[number]>;

const BROKEN = 1;

export const doctor = defineCommand({
  description:
    "Checks Node, the native engine, the CPU and what hides its features, every kernel that runs here, " +
    "memory, disk, caches, the hub, energy meters and model files, and says what mends each fault. " +
    "Exits with 1 if something is broken. Without a model, all that are on this machine are looked at.",
  argument: { syntax: "[model]", help: "the one model to check: a name, a file or a directory" },
  options: OPTIONS,
  examples: [
    { command: "bitnet doctor", says: "this machine and its models" },
    { command: "bitnet doctor model.gguf --probe", says: "is its I2_S layout the right one?" },
    { command: "bitnet doctor --full", says: "and sweep every kernel, which takes minutes" },
    { command: "bitnet doctor --recommend edge", says: "settings that suit a use" },
    { command: "bitnet doctor --json | jq '.findings[].fix'", says: "for scripts" },
  ],
  async run(context, options, argument) {
    const findings: Finding[] = [];
    for await (const finding of checkAll(context, options, argument)) {
      findings.push(finding);
      if (!options.json) await printFinding(context, finding);
    }
    const count = (status: Finding["status"]) =>
      findings.filter((one) => one.status === status).length;
    const summary = {
      ok: count("ok"),
      warnings: count("warning"),
      broken: count("broken"),
      skipped: count("skipped"),
    };
    const advice = options.recommend && recommend(options.recommend);
    if (options.json) {
      await context.out.json({ findings, summary, ...(advice && { recommendation: advice }) });
    } else {
      const { ok, warnings, broken, skipped } = summary;
      await context.out.line(
        `${ok} fine, ${warnings} warnings, ${broken} broken, ${skipped} skipped`,
      );
      if (advice) await printAdvice(context, advice);
    }
    if (summary.broken > 0) process.exitCode = BROKEN;
  },
});

async function* checkAll(
  context: Context,
  options: Options,
  argument: string | undefined,
): AsyncGenerator<Finding> {
  yield checkNode(process.version);
  yield* checkEngine(context, options.full);
  yield checkThreads(availableParallelism(), options.threads);
  yield checkMemory();
  yield* checkCache(process.env);
  yield await checkHub(process.env, context.signal);
  yield checkEnergy(options);
  for (const path of await modelPaths(argument)) {
    context.signal.throwIfAborted();
    yield* checkModel(context, path, options);
  }
}

async function modelPaths(argument: string | undefined): Promise<readonly string[]> {
  if (argument !== undefined) return [await locateModel(argument)];
  const owned = await listModels(process.env);
  return [...new Set([bundledModelPath(), ...owned.map(({ path }) => path)])];
}

const MARKS = { ok: "ok", warning: "warning", broken: "BROKEN", skipped: "skipped" } as const;
const MARK_COLUMNS = 9;

async function printFinding(
  { out }: Context,
  { check, status, message, fix }: Finding,
): Promise<void> {
  const name = check.replace(/^(model|layout)\..*/s, "$1");
  await out.line(`${MARKS[status].padEnd(MARK_COLUMNS)}${name}: ${message}`);
  if (fix !== undefined) await out.line(`${"".padEnd(MARK_COLUMNS)}fix: ${fix}`);
}

async function printAdvice({ out }: Context, advice: Recommendation): Promise<void> {
  const { use, why, settings, commands } = advice;
  await out.line();
  await out.title(`For ${use}`);
  await out.line(`  ${why}`);
  await out.line(`  bitnet.config.json: ${JSON.stringify(settings)}`);
  for (const command of commands) await out.line(`  ${command}`);
}
