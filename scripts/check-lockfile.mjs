// A lockfile made on one system may lack the optional packages of others (npm/cli#4828), and `npm ci`
// then fails there. Fails when an entry is missing; --fix adds it.
//   node scripts/check-lockfile.mjs [--fix]
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const path = join(dirname(dirname(fileURLToPath(import.meta.url))), "package-lock.json");
const lock = JSON.parse(readFileSync(path, "utf8"));

/** Platform packages are named `<name>-<os>-<cpu>[-musl]`. @param {string} name */
function platformOf(name) {
  const [, os, cpu, musl] = /-(android|darwin|linux|win32)-(arm64|x64)(-musl)?$/.exec(name) ?? [];
  if (os === undefined) return {};
  const libc = os === "linux" ? { libc: [musl ? "musl" : "glibc"] } : {};
  return { cpu: [cpu], ...libc, os: [os] };
}

const missing = Object.entries(lock.packages).flatMap(([from, { optionalDependencies, dev }]) =>
  Object.entries(optionalDependencies ?? {})
    .filter(([name]) => !(`node_modules/${name}` in lock.packages))
    .map(([name, version]) => ({ from, name, version, dev })),
);

if (process.argv.includes("--fix")) {
  for (const { name, version, dev } of missing) {
    lock.packages[`node_modules/${name}`] = {
      version,
      ...platformOf(name),
      ...(dev && { dev }),
      optional: true,
    };
  }
  const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1));
  lock.packages = Object.fromEntries(sorted);
  writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`lockfile: ${missing.length} entries added`);
} else {
  for (const { from, name, version } of missing) console.log(`${from} needs ${name} ${version}`);
  console.log(`lockfile: ${missing.length} entries missing`);
  if (missing.length > 0) {
    console.log("hint: node scripts/check-lockfile.mjs --fix");
    process.exitCode = 1;
  }
}
