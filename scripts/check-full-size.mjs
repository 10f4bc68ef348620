// The main job at full size: makes a 2B4T-shaped checkpoint (random weights), converts it, runs it,
// and compares logits with a double-precision reference that shares no code with the engine. Also
// checks the converter's memory. Takes about two minutes and 3 GB of disk.
//   node scripts/check-full-size.mjs [--keep FOLDER]
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openModel } from "../dist/index.js";
import { best, divergence, referenceLogits } from "./lib/full-reference.mjs";

const TOKENS = [128000, 791, 6864, 315, 9822];
const MAX_CONVERT_RSS_MB = 600;
// One activation near a rounding tie flips its int8 code in float arithmetic, and 30 random layers
// amplify that: even the reference differs from itself in single precision. The engine may be this
// many times as far from it.
const MAX_KL_RATIO = 3;

const { values } = parseArgs({ options: { keep: { type: "string" } } });
const folder = values.keep ?? mkdtempSync(join(tmpdir(), "full-size-"));
const checkpoint = join(folder, "2b4t");
const script = (name) => fileURLToPath(new URL(name, import.meta.url));

/** @param {string[]} args */
function node(...args) {
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  if (status !== 0) throw new Error(`${args.join(" ")} ended with status ${status}`);
}

const checks = [];
const check = (what, good, figure) => {
  checks.push(good);
  console.log(`${good ? "ok  " : "FAIL"} ${what}: ${figure}`);
};

try {
  if (!existsSync(checkpoint)) node(script("make-model.mjs"), checkpoint, "--preset", "2b4t");
  const file = join(folder, "2b4t.gguf");
  rmSync(file, { force: true });
  const measured = spawnSync(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      `const { main } = await import(${JSON.stringify(new URL("../dist/cli/main.js", import.meta.url).href)});
       await main(["node", "bitnet", "convert", ${JSON.stringify(checkpoint)}, "-o", ${JSON.stringify(file)}, "--json"]);
       process.stderr.write("\\nmaxRSS " + process.resourceUsage().maxRSS);`,
    ],
    { encoding: "utf8" },
  );
  if (measured.status !== 0) throw new Error(`convert failed: ${measured.stderr}`);
  const rssMb = Math.round(Number(/maxRSS (\d+)/.exec(measured.stderr)?.[1]) / 1024);
  check("peak RSS of the conversion", rssMb < MAX_CONVERT_RSS_MB, `${rssMb} MB`);

  const reference = referenceLogits(checkpoint, TOKENS, Float64Array);
  const floor = divergence(reference, referenceLogits(checkpoint, TOKENS, Float32Array));
  console.log(`     the reference in single precision: KL ${floor.toExponential(1)}`);
  for (const [name, path] of [
    ["converted GGUF", file],
    ["checkpoint folder", checkpoint],
  ]) {
    const model = await openModel(path, { kvType: "f32" });
    const logits = Float64Array.from(await model.createSession().evaluate(TOKENS));
    await model.close();
    const largest = logits.reduce((top, v, i) => Math.max(top, Math.abs(v - reference[i])), 0);
    const kl = divergence(reference, logits);
    check(
      `${name}, logits against the reference`,
      kl < MAX_KL_RATIO * floor && best(logits) === best(reference),
      `KL ${kl.toExponential(1)}, largest difference ${largest.toFixed(4)}, same likeliest token`,
    );
  }
} finally {
  if (values.keep === undefined) rmSync(folder, { recursive: true, force: true });
}
const failed = checks.filter((good) => !good).length;
console.log(`${checks.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
