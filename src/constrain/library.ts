import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";

const PACKAGE = "@mlc-ai/web-xgrammar";

type Exports = typeof import("@mlc-ai/web-xgrammar");

/** One instance of the library, with a WebAssembly memory of its own. */
export interface Library extends Exports {
  /** What it last complained of. */
  complaint(): string;
  heapBytes(): number;
}

interface Memory {
  readonly buffer: ArrayBuffer;
}

/** As much of `WebAssembly` as is used here; its types belong to browsers. */
interface Compiler {
  readonly Memory: new () => Memory;
  instantiate(...args: readonly unknown[]): Promise<{
    readonly instance: { readonly exports: Readonly<Record<string, unknown>> };
  }>;
}

/** `[FATAL] file.cc:123: ` */
const LOG_PREFIX = /^\[[A-Z]+\] .*?\.(?:cc|h):\d+: /;

/** Loads a new instance. The package is a script that wants to be CommonJS in a folder that says it is
 *  a module, so that neither `import` nor `require` can load it; and it writes to the console. */
export function loadLibrary(): Library {
  const require = createRequire(import.meta.url);
  const file = require.resolve(PACKAGE);
  let complaint = "";
  const hear = (line: unknown) => {
    const text = String(line);
    if (LOG_PREFIX.test(text)) complaint = text.replace(LOG_PREFIX, "");
  };
  let memory: Memory | undefined;
  const parts = {
    exports: {} as Exports,
    module: {},
    require,
    __filename: file,
    __dirname: dirname(file),
    console: { log: hear, warn: hear, error: hear },
    WebAssembly: observeMemory((found) => (memory = found)),
  };
  const script = new Function(...Object.keys(parts), readFileSync(file, "utf8"));
  script(...Object.values(parts));
  return {
    ...parts.exports,
    complaint: () => complaint,
    heapBytes: () => memory?.buffer.byteLength ?? 0,
  };
}

/** WebAssembly, which tells of the memory of what is instantiated. */
function observeMemory(tell: (memory: Memory) => void): Compiler {
  const { WebAssembly: compiler } = globalThis as unknown as { readonly WebAssembly: Compiler };
  const instantiate: Compiler["instantiate"] = async (...args) => {
    const result = await compiler.instantiate(...args);
    const exports = Object.values(result.instance.exports);
    const memory = exports.find((value) => value instanceof compiler.Memory);
    if (memory) tell(memory as Memory);
    return result;
  };
  return Object.assign(Object.create(compiler), { instantiate });
}
