// Checks that the object file of each kernel target defines its kernel table and nothing else that
// a linker can see. A weak symbol (an inline library function, a template) compiled with one
// target's instruction set may be kept for the whole program, which then dies on older CPUs; and
// a call of a libm function that is not exactly rounded would make results differ between systems.
//   node scripts/check-kernel-objects.mjs [--build DIR]
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { kernelObjects } from "./lib/kernel-objects.mjs";

const TABLE_SYMBOL = /^bitnet::k[A-Z]\w*Table$/;
/** What kernels may need from elsewhere: parents' tables, memory functions, exact libm functions. */
const ALLOWED_REFERENCES = [
  TABLE_SYMBOL,
  /^mem(?:cpy|move|set|cmp)$/,
  /^(?:fma|sqrt|floor|ceil|trunc|rint|nearbyint|round|roundeven|lrint|fabs|copysign)f?$/,
  /^(?:_GLOBAL_OFFSET_TABLE_|__stack_chk_fail)$/,
];

const { values } = parseArgs({
  options: {
    build: {
      type: "string",
      default: join(dirname(dirname(fileURLToPath(import.meta.url))), "build"),
    },
  },
});

/**
 * @param {string} object
 * @returns {string[]} what is wrong with it
 */
function checkObject(object) {
  if (!existsSync(object)) return ["is not there; build first"];
  const nm = spawnSync("nm", ["-C", object], { encoding: "utf8" });
  if (nm.error || nm.status !== 0) return [`nm failed: ${nm.error?.message ?? nm.stderr.trim()}`];
  // "address type name", the address is blank for undefined symbols; the name may hold blanks.
  const symbols = [...nm.stdout.matchAll(/^[0-9a-f ]* ([A-Za-z?-]) (.+)$/gm)].map(
    ([, type = "", name = ""]) => ({ type, name }),
  );
  const weak = symbols.filter(({ type }) => /[WwVvu]/.test(type));
  const defined = symbols.filter(({ type }) => /[A-Z]/.test(type) && !/[UWV]/.test(type));
  const tables = defined.filter(({ name }) => TABLE_SYMBOL.test(name));
  const foreign = symbols.filter(
    ({ type, name }) => type === "U" && !ALLOWED_REFERENCES.some((allowed) => allowed.test(name)),
  );
  return [
    ...weak.map(({ type, name }) => `weak symbol (${type}) ${name}`),
    ...defined
      .filter((symbol) => !tables.includes(symbol))
      .map(({ type, name }) => `external symbol (${type}) ${name}`),
    ...foreign.map(({ name }) => `reference to ${name}`),
    ...(tables.length === 1 ? [] : [`${tables.length} kernel tables, expected 1`]),
  ];
}

const objects = kernelObjects(values.build);
let problems = 0;
for (const object of objects) {
  const found = checkObject(object);
  problems += found.length;
  for (const problem of found) console.log(`${basename(object)}: ${problem}`);
}
if (objects.length === 0) console.log(`no kernel objects found in ${values.build}; build first`);
console.log(`kernel objects: ${objects.length} checked, ${problems} problems`);
process.exitCode = objects.length > 0 && problems === 0 ? 0 : 1;
