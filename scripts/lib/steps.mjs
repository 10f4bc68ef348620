import { spawn } from "node:child_process";
import { performance } from "node:perf_hooks";
import { stripVTControlCharacters } from "node:util";
import { formatCounts, sumCounts } from "./counts.mjs";

/**
 * @typedef {import("./counts.mjs").Counts} Counts
 *
 * @typedef {object} Step
 * @property {string} name
 * @property {() => string[][]} commands        command lines, run one after another
 * @property {readonly string[]} [after]        steps that must have passed before
 * @property {boolean} [alone]                  uses every core, or measures: nothing runs beside it
 * @property {Record<string, string>} [env]
 * @property {() => string | undefined} [missing]          why it cannot run on this machine
 * @property {(output: string) => Counts | undefined} [count] reads the tests' counts
 */

const SLOTS = 2;
/** Far above the slowest step, a sanitizer build on a loaded machine: only a hang takes that long. */
const STEP_TIMEOUT_MS = 90 * 60_000;

/**
 * Runs steps in order, two at a time where their dependencies allow. Starts nothing after a
 * failure. Prints a line per step, the output of a failing one in full, and the counts at the end.
 * @param {readonly Step[]} steps
 * @param {{ cwd: string, print: (line: string) => void }} options
 * @returns {Promise<boolean>} whether everything passed
 */
export async function runSteps(steps, { cwd, print }) {
  const pending = [...steps];
  /** @type {Map<string, Promise<void>>} */
  const running = new Map();
  /** @type {Set<string>} */
  const done = new Set();
  /** @type {Counts[]} */
  const counts = [];
  let alone = false;
  let failed = false;

  /** @param {Step} step */
  const isReady = (step) =>
    running.size < (step.alone ? 1 : SLOTS) &&
    !alone &&
    (step.after ?? []).every((name) => done.has(name) || !steps.some((s) => s.name === name));

  /** @param {Step} step */
  const run = async (step) => {
    const begin = performance.now();
    const reason = step.missing?.();
    if (reason !== undefined) {
      print(`skipped: ${step.name} (${reason})`);
      counts.push({ passed: 0, failed: 0, skipped: 1 });
      return;
    }
    const { ok, output } = await runCommands(step, cwd);
    const counted = judge(step, ok, output);
    counts.push(counted);
    const seconds = ((performance.now() - begin) / 1000).toFixed(1).padStart(7);
    const note = step.count ? `  ${formatCounts(counted)}` : "";
    if (counted.failed > 0) {
      failed = true;
      print(`FAIL  ${step.name.padEnd(20)}${seconds} s${note}`);
      print(output.trimEnd());
      return;
    }
    print(`ok    ${step.name.padEnd(20)}${seconds} s${note}`);
    for (const line of new Set(output.match(/^skipped: .*$/gm))) print(`      ${line}`);
  };

  while (running.size > 0 || (pending.length > 0 && !failed)) {
    for (const step of failed ? [] : [...pending]) {
      if (!isReady(step)) continue;
      pending.splice(pending.indexOf(step), 1);
      alone = step.alone ?? false;
      const finished = run(step).finally(() => {
        running.delete(step.name);
        done.add(step.name);
        if (step.alone) alone = false;
      });
      running.set(step.name, finished);
    }
    if (running.size === 0) throw new Error(`steps wait for one another: ${pending[0]?.name}`);
    await Promise.race(running.values());
  }
  if (pending.length > 0) print(`not run: ${pending.map(({ name }) => name).join(", ")}`);
  print(formatCounts(sumCounts(counts)));
  return !failed;
}

/**
 * Counts of a finished step. A step that fails without a failed test counts as one failure, so
 * that the sum never looks clean when the run was not.
 * @param {Step} step
 * @param {boolean} ok
 * @param {string} output
 * @returns {Counts}
 */
function judge(step, ok, output) {
  const none = { passed: 0, failed: 0, skipped: 0 };
  const counted = step.count ? step.count(output) : none;
  if (step.count && (!counted || counted.passed + counted.failed === 0)) {
    return { ...none, failed: 1 };
  }
  const counts = counted ?? none;
  return ok || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}

/**
 * @param {Step} step
 * @param {string} cwd
 * @returns {Promise<{ ok: boolean, output: string }>}
 */
async function runCommands(step, cwd) {
  let output = "";
  for (const [program = "", ...args] of step.commands()) {
    const ok = await new Promise((settle) => {
      const child = spawn(program, args, {
        cwd,
        env: { ...process.env, ...step.env },
        stdio: ["ignore", "pipe", "pipe"],
        timeout: STEP_TIMEOUT_MS,
      });
      /** @param {Buffer} chunk */
      const append = (chunk) => {
        output += chunk.toString();
      };
      child.stdout.on("data", append);
      child.stderr.on("data", append);
      child.on("error", (error) => {
        output += `${error.message}\n`;
        settle(false);
      });
      child.on("close", (status, signal) => {
        if (signal) output += `${program} was ended by ${signal}\n`;
        settle(status === 0);
      });
    });
    if (!ok) return { ok: false, output: stripVTControlCharacters(output) };
  }
  return { ok: true, output: stripVTControlCharacters(output) };
}
