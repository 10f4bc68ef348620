// Runs llama-bench and programs like it as processes of their own.
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { parseBench } from "./rates.mjs";

/**
 * @typedef {object} Contender
 * @property {string} name
 * @property {string} command         for the shell; the options of the test follow it
 * @property {Record<string, string>} env
 *
 * @typedef {object} Test
 * @property {number} nPrompt
 * @property {number} nGen
 * @property {number} depth
 * @property {number} threads
 *
 * @typedef {object} Pass
 * @property {import("./rates.mjs").Rates} rates
 * @property {string} version
 * @property {number} peakRssMb    0 where the system does not tell
 * @property {number} wallSeconds  of the process, load included
 */

const RSS_INTERVAL_MS = 25;

/**
 * This engine with one kernel target.
 * @param {string} kernel @param {string} model @param {string} kv
 * @returns {Contender}
 */
export function oursAs(kernel, model, kv) {
  const bin = fileURLToPath(new URL("../../bin/bitnet.js", import.meta.url));
  const words = [process.execPath, bin, "bench", "-q", "--no-limits", "-m", model, "--kv-type", kv];
  const command = words.map(quote).join(" ");
  return { name: `bitnet ${kernel}`, command, env: { BITNET_KERNEL: kernel } };
}

/** @param {string} word */
const quote = (word) => `'${word.replaceAll("'", `'\\''`)}'`;

/**
 * Arguments of one pass.
 * @param {Contender} one @param {Test} test
 * @returns {string[]}
 */
export function benchArgs(one, { nPrompt, nGen, depth, threads }) {
  const common = ["-t", String(threads), "-r", "1"];
  const isOurs = "BITNET_KERNEL" in one.env;
  const output = ["-o", isOurs ? "jsonl" : "json"];
  if (depth === 0) return [...common, ...output, "-p", String(nPrompt), "-n", String(nGen)];
  const option = isOurs ? "-d" : depthOption(one);
  if (option === "-d") {
    return [...common, ...output, "-p", "0", "-n", String(nGen), "-d", String(depth)];
  }
  return [...common, ...output, "-p", "0", "-n", "0", "-gp", `${depth},${nGen}`];
}

/** @type {Map<string, "-d" | "-gp">} */
const depthOptions = new Map();

/** How a rival is told to generate after a long prompt. @param {Contender} one */
function depthOption({ name, command }) {
  const known = depthOptions.get(command);
  if (known) return known;
  const { stdout, stderr } = spawnSync("/bin/sh", ["-c", `${command} --help`], {
    encoding: "utf8",
  });
  const help = stdout + stderr;
  const option = /^\s*-d,/m.test(help) ? "-d" : /^\s*-gp\b/m.test(help) ? "-gp" : undefined;
  if (!option)
    throw new Error(`${name} cannot measure at a depth: its help names no -d and no -gp`);
  depthOptions.set(command, option);
  return option;
}

/**
 * @param {Contender} one @param {readonly string[]} args @param {Test} test
 * @returns {Promise<Pass>}
 */
export async function runBench(one, args, test) {
  const begin = performance.now();
  const child = spawn("/bin/sh", ["-c", `${one.command} ${args.join(" ")}`], {
    env: { ...process.env, ...one.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr, peakRssMb] = ["", "", 0];
  child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const watch = setInterval(() => {
    if (child.pid !== undefined) peakRssMb = Math.max(peakRssMb, treeRssMb(child.pid));
  }, RSS_INTERVAL_MS);
  const status = await new Promise((resolve, reject) => {
    child.on("error", reject).on("close", resolve);
  }).finally(() => clearInterval(watch));
  if (status !== 0) throw new Error(`${one.name} ended with status ${status}:\n${stderr}`);
  const wallSeconds = (performance.now() - begin) / 1000;
  const { rates, row } = parseBench(stdout, test);
  const version = [row["build_commit"], row["model_type"]].filter(Boolean).join(", ");
  return { rates, version, peakRssMb, wallSeconds };
}

/** The largest peak of a process and its children. @param {number} pid @returns {number} */
function treeRssMb(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const own = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    const theirs = children === "" ? [] : children.split(" ").map((id) => treeRssMb(Number(id)));
    return Math.round(Math.max(own, ...theirs));
  } catch {
    return 0; // ended, or not Linux
  }
}
