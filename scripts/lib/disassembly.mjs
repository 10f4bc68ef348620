// Reads objdump's listing of a kernel and finds the loop that a decoded token spends its time in.

/**
 * @typedef {{ address: number, text: string }} Instruction
 * @typedef {{ name: string, code: Instruction[] }} Function
 * @typedef {{ code: Instruction[], around: Instruction[], bytes: number }} Loop `bytes` of weights a
 *   turn, `around` the loop that holds it
 */

/** @param {string} listing @returns {Function[]} */
export function parseFunctions(listing) {
  /** @type {Function[]} */
  const functions = [];
  for (const line of listing.split("\n")) {
    const name = /^[0-9a-f]+ <(.+)>:$/.exec(line)?.[1];
    if (name !== undefined) functions.push({ name, code: [] });
    const [, address, text] = /^\s+([0-9a-f]+):\s+(\S.*)$/.exec(line) ?? [];
    if (address === undefined || text === undefined) continue;
    functions.at(-1)?.code.push({ address: Number.parseInt(address, 16), text });
  }
  return functions;
}

const BRANCH = /^(?:j\w+|b|b\.\w+|cbn?z|tbn?z)\s(?:.*,)?\s*([0-9a-f]+) </;

/**
 * Stretches between a backward branch and its target.
 * @param {Function} f
 */
function loopsOf({ code }) {
  return code.flatMap(({ address, text }, end) => {
    const target = Number.parseInt(BRANCH.exec(text)?.[1] ?? "", 16);
    const begin = code.findIndex((instruction) => instruction.address === target);
    return target <= address && begin >= 0
      ? [{ begin, end, code: code.slice(begin, end + 1) }]
      : [];
  });
}

/** What an instruction is for; the first that fits. @type {[string, RegExp][]} */
const CLASSES = [
  ["prefetch", /^(?:prefetch|prfm)/],
  [
    "multiply",
    /^(?:\{\w+\} )?(?:vpdpbusd|vpmadd|vpaddw|[su]*dot|[su]*mmla|[su]ml[as]l|[su]mull|[su]adalp)/,
  ],
  ["logic, shift", /^(?:vpand|vpsr[la]|and|[su]?shr)/],
  ["load", /^(?:vmov\S+\s+\S*\(.*\),%|vpbroadcast\S+\s+\S*\(|mov\s+\S*\(.*\),|ld)/],
];
/** @param {string} text */
const classOf = (text) => CLASSES.find(([, pattern]) => pattern.test(text))?.[0] ?? "other";

/** The register or registers that an instruction finds memory by. @param {string} text */
const baseOf = (text) => (/\(([^)]*)\)|\[(\w+)/.exec(text) ?? []).slice(1).find(Boolean);

const WIDTHS = { zmm: 64, ymm: 32, xmm: 16 };

/** Bytes that an instruction reads. @param {string} text */
function bytesRead(text) {
  const width = /%([xyz]mm)\d+$/.exec(text)?.[1];
  if (width !== undefined) return WIDTHS[/** @type {keyof typeof WIDTHS} */ (width)];
  const list = /^ld1\s+\{v(\d+)\.16b(?: ?- ?v(\d+))?/.exec(text);
  if (list) return 16 * (((Number(list[2] ?? list[1]) - Number(list[1]) + 32) % 32) + 1);
  return 16 * (/^ld\S+\s+([^[]*)/.exec(text)?.[1]?.match(/\bq\d/g)?.length ?? 0);
}

/** @param {Instruction[]} code @param {string} kind */
const count = (code, kind) => code.filter(({ text }) => classOf(text) === kind).length;

/** Where in memory an instruction for x86 reads. @param {string} text */
const operandOf = (text) => /[-\w]*\([^)]*\)/.exec(text)?.[0];

/**
 * Bytes that a loop reads by the register that it prefetches by; those that an instruction for x86
 * reads again count once.
 * @param {Instruction[]} code
 */
function bytesStreamed(code) {
  const prefetches = code.filter(({ text }) => classOf(text) === "prefetch");
  const base = baseOf(prefetches[0]?.text ?? "");
  const reads = code.filter(
    (instruction) => !prefetches.includes(instruction) && baseOf(instruction.text) === base,
  );
  const places = new Map(
    reads.map(({ address, text }) => [operandOf(text) ?? address, bytesRead(text)]),
  );
  return [...places.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/**
 * The innermost loop that prefetches and multiplies weights with the fewest instructions for a byte
 * of them: the one for a single activation row.
 * @param {readonly Function[]} functions
 * @param {number} line bytes that a prefetch stands for
 * @returns {Loop}
 */
export function decodeLoop(functions, line) {
  const found = functions.flatMap((f) => {
    const loops = loopsOf(f).filter(
      ({ code }) => count(code, "multiply") > 0 && count(code, "prefetch") > 0,
    );
    /** @param {typeof loops[0]} a @param {typeof loops[0]} b */
    const holds = (a, b) => a !== b && a.begin <= b.begin && a.end >= b.end;
    return loops
      .filter((loop) => !loops.some((other) => holds(loop, other)))
      .map((loop) => ({
        code: loop.code,
        bytes: line * count(loop.code, "prefetch"),
        around: loops
          .filter((other) => holds(other, loop))
          .map(({ code }) => code)
          .reduce((least, code) => (code.length < least.length ? code : least), f.code),
      }));
  });
  const best = found.toSorted((a, b) => a.code.length / a.bytes - b.code.length / b.bytes)[0];
  if (best === undefined) throw new Error("no loop that prefetches and multiplies weights");
  const bytes = bytesStreamed(best.code);
  if (bytes < best.bytes || bytes >= 2 * best.bytes) {
    throw new Error(`the loop prefetches ${best.bytes} bytes, but reads ${bytes}`);
  }
  return best;
}

/**
 * Instructions for a byte of weights, by class.
 * @param {Loop} loop
 * @param {number} [flush] turns to one of the loop around it, whose instructions count in part
 * @returns {Record<string, number>}
 */
export function countLoop({ code, around, bytes }, flush) {
  return Object.fromEntries(
    ["load", "prefetch", "logic, shift", "multiply", "other"].map((kind) => {
      const inner = count(code, kind);
      const outer = flush === undefined ? 0 : (count(around, kind) - inner) / flush;
      return [kind, (inner + outer) / bytes];
    }),
  );
}
