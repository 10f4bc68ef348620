import { stringChar } from "./ebnf.ts";
import type { Flat, TextBounds } from "./flat.ts";
import { FORMATS } from "./formats.ts";
import { refuse } from "./node.ts";
import { patternGrammar } from "./pattern.ts";
import type { Rules } from "./rules.ts";

/** Longer strings would cost a state per character; a shorter one is valid, too. */
const MAX_COUNTED = 64;

const CHAR = stringChar([
  [0x20, 0x21],
  [0x23, 0x5b],
  [0x5d, 0x7e],
  [0x80, 0x10ffff],
]) as string;
/** What counts as one character, too. */
const ESCAPE = '"\\\\" ["\\\\/bfnrt]';
const QUOTE = '"\\""';

/** Grammars of a string; [] when there is none. */
export function stringGrammars({ text, pointer }: Flat, rules: Rules): string[] {
  const { pattern, format } = text;
  const counted = countedString(text, pointer, rules);
  if (pattern === undefined && format === undefined) return counted;
  if (pattern !== undefined && format !== undefined) refuse(pointer, "pattern beside format");
  if (text.min !== undefined || text.max !== undefined) {
    const hint = "put the counts into the pattern";
    refuse(pointer, "minLength and maxLength beside pattern or format are not supported", hint);
  }
  const inside =
    pattern === undefined
      ? patternGrammar(formatOf(format, pointer), pointer, rules)
      : patternGrammar(pattern, pointer, rules);
  return [`${QUOTE} ${inside} ${QUOTE}`];
}

function formatOf(format: string | undefined, pointer: string): string {
  const known =
    format !== undefined && Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined;
  if (known !== undefined) return known;
  const names = Object.keys(FORMATS).join(", ");
  return refuse(pointer, `format ${JSON.stringify(format)} is not supported`, `formats: ${names}`);
}

function countedString({ min = 0, max }: TextBounds, pointer: string, rules: Rules): string[] {
  if (max !== undefined && min > max) return [];
  if (min === 0 && max === undefined) return ["string"];
  if (min > MAX_COUNTED) refuse(pointer, `minLength above ${MAX_COUNTED} is not supported`);
  let next = max === undefined ? "rest" : QUOTE;
  for (let n = max === undefined ? 0 : Math.min(max, MAX_COUNTED) - min; n > 0; n--) {
    next = rules.add("upto", `${QUOTE} | ${CHAR} ${next} | ${ESCAPE} ${next}`);
  }
  for (let n = min; n > 0; n--) next = rules.add("chars", `${CHAR} ${next} | ${ESCAPE} ${next}`);
  return [`${QUOTE} ${next}`];
}
