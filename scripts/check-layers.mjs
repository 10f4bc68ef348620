// Enforces who may import whom (see docs/adr and CONTRIBUTING.md). A new layer, package or
// exception is one row here; the checking itself is in lib/layers-*.mjs.
//   node scripts/check-layers.mjs [--root DIR]
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { listFiles } from "./lib/files.mjs";
import { checkNativeFile } from "./lib/layers-native.mjs";
import { checkTsFile } from "./lib/layers-ts.mjs";

const FEATURES = [
  "constrain",
  "batch",
  "convert",
  "bench",
  "server",
  "chat",
  "hub",
  "lora",
  "native",
  "scoring",
];
const CORE = ["engine", "checkpoint", "tokenizer", "gguf", "errors"];

/** src/: folders, and files of src/ itself by their name. @type {import("./lib/layers-ts.mjs").TsRules} */
const TS_RULES = {
  layers: {
    bin: ["cli"],
    cli: [...FEATURES, ...CORE, "ui", "config"],
    index: [...FEATURES, ...CORE],
    batch: ["chat", "constrain", "engine", "gguf", "errors"],
    convert: ["engine", "checkpoint", "gguf", "errors"],
    bench: ["engine", "checkpoint", "tokenizer", "errors"],
    server: ["chat", "constrain", "scoring", "batch", "engine", "tokenizer", "errors"],
    chat: ["tokenizer", "errors"],
    constrain: ["engine", "tokenizer", "errors"],
    hub: ["errors"],
    lora: ["engine", "checkpoint", "gguf", "errors"],
    native: ["engine", "checkpoint", "errors"],
    scoring: ["engine", "tokenizer", "errors"],
    engine: ["checkpoint", "tokenizer", "gguf", "errors"],
    checkpoint: ["tokenizer", "gguf", "errors"],
    tokenizer: ["gguf", "errors"],
    gguf: ["errors"],
    ui: ["errors"],
    config: ["errors"],
    errors: [],
  },
  packages: {
    commander: ["cli"],
    chalk: ["ui"],
    ora: ["ui"],
    "get-east-asian-width": ["ui"],
    "cli-progress": ["ui"],
    fastify: ["server"],
    "@fastify/cors": ["server"],
    "@fastify/helmet": ["server"],
    "@fastify/swagger": ["server"],
    "@fastify/type-provider-typebox": ["server"],
    typebox: ["server"],
    pino: ["server"],
    "prom-client": ["server"],
    "@huggingface/gguf": ["gguf"],
    "@huggingface/hub": ["hub"],
    "@huggingface/jinja": ["chat"],
    "@huggingface/tokenizers": ["tokenizer"],
    "@mlc-ai/web-xgrammar": ["constrain"],
  },
  globals: {
    console: [],
    "process.exit": [], // it truncates pipes; main sets process.exitCode
    "process.exitCode": ["cli"],
    "process.stdout": ["ui"],
    "process.stderr": ["ui"],
    "process.env": ["cli", "ui", "config"],
  },
};

const NATIVE_CORE = ["engine", "probe", "model", "kernels", "formats", "cpu", "base"];

/** native/: folders. @type {import("./lib/layers-native.mjs").NativeRules} */
const NATIVE_RULES = {
  layers: {
    addon: NATIVE_CORE,
    bench: ["addon", ...NATIVE_CORE],
    selftest: NATIVE_CORE,
    engine: ["model", "kernels", "formats", "cpu", "base"],
    model: ["kernels", "formats", "cpu", "base"],
    probe: ["kernels", "base"],
    kernels: ["cpu", "base"],
    formats: ["cpu", "base"],
    cpu: ["base"],
    base: [],
  },
  faces: { kernels: ["dispatch.h", "kernel_table.h"] },
  isaSystemHeaders: ["stdint.h", "stddef.h", "immintrin.h", "x86intrin.h", "arm_neon.h"],
  isaHeaders: ["native/kernels/kernel_table.h", "native/cpu/feature_bits.h"],
  // Built for the baseline CPU, so that nothing can leak that another CPU lacks.
  isaExceptions: { "native/kernels/scalar.cpp": ["native/base/half.h"] },
  headers: {
    "napi.h": ["addon", "bench"],
    "node_api.h": ["addon"],
    "uv.h": [],
    iostream: ["selftest"],
  },
  banned: [
    {
      what: "print",
      pattern:
        /\bstd::(?:cout|cerr|clog)\b|(?<![.>\w])(?:v?f?printf|f?puts|f?putc|putchar|perror)\s*\(/g,
      except: ["selftest"],
    },
    {
      what: "end the process",
      pattern: /(?<![.>\w])(?:abort|exit|_exit|_Exit|quick_exit|terminate)\s*\(/g,
      except: ["selftest"],
    },
    { what: "read the environment", pattern: /\bgetenv\s*\(/g, except: ["cpu", "selftest"] },
  ],
};

/**
 * @param {string} root
 * @returns {{ files: number, violations: string[] }}
 */
export function checkLayers(root) {
  const tsFiles = [...listFiles(root, "src", [".ts"]), ...listFiles(root, "bin", [".js"])];
  const nativeFiles = listFiles(root, "native", [".h", ".cpp"]);
  const violations = [
    ...tsFiles.flatMap((file) => checkTsFile(root, file, TS_RULES)),
    ...nativeFiles.flatMap((file) => checkNativeFile(root, file, NATIVE_RULES)),
  ];
  // A check that looks at nothing passes always.
  if (!tsFiles.some((file) => file.startsWith("src/"))) violations.push("no *.ts found under src/");
  if (nativeFiles.length === 0) violations.push("no *.h or *.cpp found under native/");
  return { files: tsFiles.length + nativeFiles.length, violations };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const here = dirname(fileURLToPath(import.meta.url));
  const { values } = parseArgs({ options: { root: { type: "string", default: dirname(here) } } });
  const { files, violations } = checkLayers(values.root);
  for (const violation of violations) console.log(violation);
  console.log(`layers: ${files} files, ${violations.length} violations`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}
