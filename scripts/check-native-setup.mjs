// `bitnet setup --native` from end to end, with this machine's compiler: minutes, so part of
// `npm run test:full` alone.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cache = mkdtempSync(join(tmpdir(), "bitnet-native-"));
const folder = join(cache, "bitnet/native");

/** @param {readonly string[]} args */
function bitnet(...args) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, "bin/bitnet.js"), ...args],
    { env: { ...process.env, XDG_CACHE_HOME: cache }, encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`bitnet ${args.join(" ")} exits with ${status}\n${stderr}`);
  return stdout;
}

const TEXT = ["run", "-p", "Once upon a time", "-n", "24", "--seed", "1"];
let failed = 0;
/** @param {string} what @param {boolean} ok */
function check(what, ok) {
  console.log(`${ok ? "ok" : "FAILED"}: ${what}`);
  if (!ok) failed += 1;
}

try {
  const before = bitnet(...TEXT);
  const { native } = JSON.parse(bitnet("setup", "--native", "--json"));
  console.log(JSON.stringify(native));
  check("logits of every target were compared", native.checked.includes("scalar"));
  check(
    "a build that is kept is there, and no other",
    existsSync(join(folder, "manifest.json")) === native.kept,
  );
  check("the same seed gives the same text", bitnet(...TEXT) === before);
  check("the build tree is gone", !existsSync(join(folder, "build")));
  console.log(`${4 - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  rmSync(cache, { recursive: true, force: true });
}
