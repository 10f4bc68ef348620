import { charOf, complement, literal, type Range, UNSAFE } from "./ebnf.ts";
import type { Flat } from "./flat.ts";
import { type Place, refuse } from "./node.ts";
import type { Rules } from "./rules.ts";

/** What may follow a key and a colon; undefined when no value can. */
export type ValueRule = (place: Place) => string | undefined;

const ANYTHING: Place = { schema: true, pointer: "" };

/** The rule of an object, its members in the order of the schema, then those it does not name. Undefined
 *  when there is no such object. */
export function objectRule(flat: Flat, rules: Rules, ruleOf: ValueRule): string | undefined {
  const { named = new Map<string, Place>(), required = new Set<string>(), others } = flat.fields;
  const members = new Map(named);
  for (const name of required) {
    if (!members.has(name)) members.set(name, others ?? ANYTHING);
  }
  const written: Member[] = [];
  for (const [name, place] of members) {
    const value = ruleOf(place);
    const isRequired = required.has(name);
    if (value !== undefined) {
      written.push({ text: `${literal(JSON.stringify(name))} ws ":" ws ${value}`, isRequired });
    } else if (isRequired) return undefined;
  }
  // What a schema does not name is left out where it names some, unless it says what that may be.
  const isOpen = others ? others.schema !== false : members.size === 0;
  const other = isOpen ? ruleOf(others ?? ANYTHING) : undefined;
  const extra = other && `${extraKey([...members.keys()], rules)} ws ":" ws ${other}`;
  const bounds = countsOf(flat, written, extra !== undefined);
  return bounds && writeMembers(written, extra, bounds, rules);
}

interface Member {
  readonly text: string;
  readonly isRequired: boolean;
}

/** How many members there may be that the schema does not name. */
interface Counts {
  readonly min: number;
  readonly max: number | undefined;
}

/** @throws {UsageError} counts that depend on which optional members there are */
function countsOf(flat: Flat, members: readonly Member[], isOpen: boolean): Counts | undefined {
  const { min = 0, max } = flat.fields;
  const nRequired = members.filter(({ isRequired }) => isRequired).length;
  const isFixed = nRequired === members.length;
  if (max !== undefined && nRequired > max) return undefined;
  const isBelow = max === undefined || (!isOpen && members.length <= max);
  if (min <= nRequired && isBelow) return { min: 0, max: undefined };
  if (!isFixed) refuse(flat.pointer, "minProperties and maxProperties beside optional properties");
  // The same name twice is one property.
  if (min > nRequired + 1)
    refuse(flat.pointer, "minProperties above the required ones and one more");
  if (min > nRequired && !isOpen) return undefined;
  return { min: Math.max(0, min - nRequired), max: max === undefined ? max : max - nRequired };
}

function writeMembers(
  members: readonly Member[],
  extra: string | undefined,
  { min, max }: Counts,
  rules: Rules,
): string {
  const most = max === undefined ? "" : Math.max(0, max - 1);
  const more = (least: number) => `(ws "," ws ${extra}){${least},${max ?? ""}}`;
  const hasExtra = extra !== undefined && max !== 0;
  // From here on, with members before (after) and without (first).
  let after = rules.add("more", hasExtra ? `${more(min)} ws "}"` : 'ws "}"');
  const some = `${extra} (ws "," ws ${extra}){0,${most}} ws "}"`;
  const options = [...(min === 0 ? ['"}"'] : []), ...(hasExtra ? [some] : [])];
  let first = rules.add("first", options.join(" | "));
  for (const { text, isRequired } of members.toReversed()) {
    const with_ = `${text} ${after}`;
    const comma = `ws "," ws ${with_}`;
    first = rules.add("first", isRequired ? with_ : `${with_} | ${first}`);
    after = rules.add("more", isRequired ? comma : `${comma} | ${after}`);
  }
  return rules.add("object", `"{" ws ${first}`);
}

/** A key that is none of the names. It differs from each of them within the first two characters: to
 *  tell names apart by later ones would cost a state per character, and has no escapes, by which a name
 *  could be spelled otherwise. */
function extraKey(names: readonly string[], rules: Rules): string {
  if (names.length === 0) return "string";
  const chars = names.map((name) => Array.from(name).slice(0, 2));
  const heads = [...new Set(chars.map(([head]) => head))].filter((head) => head !== undefined);
  // Then the rest of a key; nothing when every character is taken.
  const other = (apartFrom: readonly string[]) => {
    const char = charOf(complement([...UNSAFE, ...ranges(apartFrom)]));
    return char === undefined ? [] : [`${char} rest_of_key`];
  };
  rules.name("rest_of_key", ['"\\""', ...other([])].join(" | "));
  const options = other(heads);
  for (const head of heads) {
    if (isUnsafe(head)) continue;
    const seconds = chars.filter(([first]) => first === head).map(([, second]) => second);
    const known = seconds.filter((second) => second !== undefined);
    const end = seconds.includes(undefined) ? [] : ['"\\""'];
    const next = rules.add("key", [...end, ...other(known)].join(" | "));
    options.push(`${literal(head)} ${next}`);
  }
  if (!names.includes("")) options.push('"\\""');
  return rules.add("key", `"\\"" (${options.join(" | ")})`);
}

function ranges(chars: readonly string[]): Range[] {
  return chars.map((char) => [char.codePointAt(0) as number, char.codePointAt(0) as number]);
}

function isUnsafe(char: string): boolean {
  const code = char.codePointAt(0) as number;
  return UNSAFE.some(([low, high]) => code >= low && code <= high);
}
