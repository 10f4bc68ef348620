import { oneOf, type ValueType } from "./values.ts";

/** Numbers and ranges. */
export function numberList(min: number): ValueType<readonly number[]> {
  return {
    expected: `numbers of at least ${min} or ranges, such as 1,2,4 or 1-8 or 1-16*2`,
    parse: (text) => parseNumberList(text, min),
  };
}

/** Several of the choices, with commas between. */
export function someOf<const T extends string>(...choices: readonly T[]): ValueType<readonly T[]> {
  const one = oneOf(...choices);
  return {
    expected: `some of ${choices.join(", ")}`,
    parse: (text) => {
      const values = text.split(",").map((word) => one.parse(word.trim()));
      return values.every((value) => value !== undefined) ? values : undefined;
    },
  };
}

export const NAMES: ValueType<readonly string[]> = {
  expected: "names with commas between",
  parse: (text) => {
    const names = text.split(",").map((word) => word.trim());
    return names.includes("") ? undefined : names;
  },
};

const ITEM = /^(\d+)(?:-(\d+)(?:([+*])(\d+))?)?$/;
const MAX_ITEMS = 256;

/** `512`, `1,2,4`, and ranges as llama-bench writes them: `1-4`, `512-2048+512`, `1-16*2`. Without
 *  repetitions, in the order given; undefined when the text is no such list. */
export function parseNumberList(text: string, min = 0): readonly number[] | undefined {
  const numbers = new Set<number>();
  for (const item of text.split(",")) {
    const range = parseItem(item.trim());
    if (range === undefined) return undefined;
    for (const value of range) numbers.add(value);
    if (numbers.size > MAX_ITEMS) return undefined;
  }
  const list = [...numbers];
  return list.every((value) => value >= min && Number.isSafeInteger(value)) ? list : undefined;
}

function parseItem(item: string): readonly number[] | undefined {
  const match = ITEM.exec(item);
  if (!match) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2] ?? first);
  const step = Number(match[4] ?? 1);
  const multiplies = match[3] === "*";
  // Else the range would never end.
  if (last < first || step === 0 || (multiplies && (step === 1 || first === 0))) return undefined;
  const values: number[] = [];
  for (let at = first; at <= last; at = multiplies ? at * step : at + step) {
    values.push(at);
    if (values.length > MAX_ITEMS) return undefined;
  }
  return values;
}
