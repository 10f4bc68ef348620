// Instructions of the decode loop (one activation row, 2-bit weights) of each kernel target, from the
// disassembly of its object file, for 128 weights and for 16 bytes of them.
//   node scripts/count-instructions.mjs [--x86 build] [--arm build-aarch64] [--list TARGET]
// --list prints the loop of a target. cmake/aarch64.cmake says how to build for ARM anywhere.
import { spawnSync } from "node:child_process";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { countLoop, decodeLoop, parseFunctions } from "./lib/disassembly.mjs";
import { kernelObjects } from "./lib/kernel-objects.mjs";
import { formatTable } from "./lib/table.mjs";

const { values } = parseArgs({
  options: {
    x86: { type: "string", default: "build" },
    arm: { type: "string", default: "build-aarch64" },
    list: { type: "string" },
  },
});

/**
 * @typedef {object} Target
 * @property {string} name
 * @property {string} build
 * @property {string} arch as Node and as tools name it
 * @property {number} products multiplications and additions to 128 weights; more are those of more
 *   activation rows, and mean that the loop for one was not found or calls functions
 * @property {number} [line] bytes that a prefetch stands for, 64 unless said
 * @property {number} [flush] turns after which the loop around it widens the sums
 */

/** @type {Target[]} */
const TARGETS = [
  { name: "avx2", build: values.x86, arch: "x86_64", products: 8.5 }, // widening included
  { name: "avxvnni", build: values.x86, arch: "x86_64", products: 4 },
  { name: "avx512vnni", build: values.x86, arch: "x86_64", products: 2 },
  { name: "neon", build: values.arm, arch: "aarch64", products: 16, flush: 8 },
  { name: "neon_dotprod", build: values.arm, arch: "aarch64", products: 8 },
  { name: "neon_i8mm", build: values.arm, arch: "aarch64", products: 8 },
];
const BASELINE = "avxvnni";
// Not of rows in the order of files.
const DECODE = /::(?:gemv(?!_rows)\w*|multiply_direct)[<(]/;
const HOST = { x64: "x86_64", arm64: "aarch64" }[process.arch] ?? process.arch;

/** @param {Target} target */
function loopOf({ name, build, arch, products, line = 64 }) {
  const object = kernelObjects(build).find((path) => basename(path) === `${name}.cpp.o`);
  if (object === undefined) return undefined;
  const tool = arch === HOST ? "objdump" : `${arch}-linux-gnu-objdump`;
  const run = spawnSync(tool, ["-dC", "--no-show-raw-insn", object], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (run.error || run.status !== 0) throw new Error(`${tool}: ${run.error ?? run.stderr}`);
  const loop = decodeLoop(
    parseFunctions(run.stdout).filter((f) => DECODE.test(f.name)),
    line,
  );
  const found = 32 * (countLoop(loop)["multiply"] ?? 0);
  if (found > products) {
    throw new Error(
      `${name}: the loop found has ${found} products for 128 weights, not ${products}`,
    );
  }
  return loop;
}

const counts = TARGETS.flatMap((target) => {
  const loop = loopOf(target);
  if (loop === undefined) {
    console.log(`skipped: ${target.name} (no object in ${target.build}; build first)`);
    return [];
  }
  if (values.list === target.name) console.log(loop.code.map(({ text }) => text).join("\n"));
  const perByte = countLoop(loop, target.flush);
  const total = Object.values(perByte).reduce((sum, n) => sum + n, 0);
  return [{ name: target.name, perByte, total }];
});
const baseline = counts.find(({ name }) => name === BASELINE)?.total;
if (counts.length > 0) {
  const classes = Object.keys(counts[0]?.perByte ?? {});
  const columns = ["target", ...classes, "128 weights", "16 bytes", `of ${BASELINE}`];
  const rows = counts.map(({ name, perByte, total }) => [
    name,
    ...Object.values(perByte).map((n) => (32 * n).toFixed(2)),
    (32 * total).toFixed(2),
    (16 * total).toFixed(2),
    baseline === undefined ? "" : (total / baseline).toFixed(2),
  ]);
  console.log(formatTable(columns, rows));
}
process.exitCode = counts.length > 0 ? 0 : 1;
