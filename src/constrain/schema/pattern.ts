import { complement, type Range, stringChar } from "./ebnf.ts";
import { refuse } from "./node.ts";
import type { Rules } from "./rules.ts";

const DIGITS: readonly Range[] = [[0x30, 0x39]];
const WORD: readonly Range[] = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
const SPACES: readonly Range[] = [
  [0x09, 0x0a],
  [0x0d, 0x0d],
  [0x20, 0x20],
];
const LINE_ENDS: readonly Range[] = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];

const CLASSES: Readonly<Record<string, readonly Range[]>> = {
  d: DIGITS,
  D: complement(DIGITS),
  w: WORD,
  W: complement(WORD),
  s: SPACES,
  S: complement([...SPACES, [0x0b, 0x0c], [0xa0, 0xa0], [0x1680, 0x1680], [0x2000, 0x200a]]).filter(
    ([low]) => low !== 0xfeff,
  ),
};
const CONTROLS: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, "0": 0 };

const MAX_REPEAT = 1000;

/** A regular expression (of JavaScript, flag u) as the inside of a JSON string. It describes the whole
 *  string, whether it says so (^...$) or not.
 *  @throws {UsageError} look-around, back references, \b, \p and what else is more than characters,
 *                       classes, groups and counts */
export function patternGrammar(pattern: string, pointer: string, rules: Rules): string {
  try {
    new RegExp(pattern, "u");
  } catch (error) {
    refuse(pointer, (error as Error).message);
  }
  return new PatternReader(pattern, pointer, rules).read();
}

class PatternReader {
  readonly #chars: readonly string[];
  readonly #pointer: string;
  readonly #rules: Rules;
  #at = 0;

  constructor(pattern: string, pointer: string, rules: Rules) {
    this.#chars = Array.from(pattern);
    this.#pointer = pointer;
    this.#rules = rules;
  }

  read(): string {
    return this.#alternatives(true);
  }

  #peek(ahead = 0): string | undefined {
    return this.#chars[this.#at + ahead];
  }

  #no(what: string): never {
    return refuse(this.#pointer, `${what} in a pattern is not supported`);
  }

  /** @param isWhole  not within a group, where ^ and $ say what holds anyway */
  #alternatives(isWhole: boolean): string {
    const all = [this.#sequence(isWhole)];
    while (this.#peek() === "|") {
      this.#at++;
      all.push(this.#sequence(isWhole));
    }
    return this.#rules.choice(all);
  }

  #sequence(isWhole: boolean): string {
    const parts: string[] = [];
    if (isWhole && this.#peek() === "^") this.#at++;
    for (;;) {
      const char = this.#peek();
      if (char === undefined || char === "|" || char === ")") break;
      const next = this.#peek(1);
      if (char === "$" && isWhole && (next === undefined || next === "|")) this.#at++;
      else parts.push(this.#counted(this.#atom()));
    }
    return parts.length === 0 ? '""' : parts.join(" ");
  }

  #atom(): string {
    const char = this.#chars[this.#at++] as string;
    if (char === "^" || char === "$") this.#no(`"${char}" amid`);
    if (char === "(") return this.#group();
    if (char === "[") return this.#write(this.#class());
    if (char === ".") return this.#write(complement(LINE_ENDS));
    if (char === "\\") return this.#write(this.#escape());
    return this.#write(one(char));
  }

  #group(): string {
    if (this.#peek() === "?") {
      const named = this.#peek(1) === "<" && !/[=!]/.test(this.#peek(2) ?? "");
      if (named) this.#at = this.#chars.indexOf(">", this.#at) + 1;
      else if (this.#peek(1) === ":") this.#at += 2;
      else this.#no("looking around or a modifier");
    }
    const inside = this.#alternatives(false);
    this.#at++; // ")"
    return `(${inside})`;
  }

  #counted(atom: string): string {
    const char = this.#peek();
    let count = "";
    if (char === "*" || char === "+" || char === "?") {
      count = char;
      this.#at++;
    } else if (char === "{") {
      const end = this.#chars.indexOf("}", this.#at);
      count = this.#chars.slice(this.#at, end + 1).join("");
      this.#at = end + 1;
      const largest = Math.max(...(count.match(/\d+/g) ?? []).map(Number));
      if (largest > MAX_REPEAT) this.#no(`a count above ${MAX_REPEAT}`);
    } else {
      return atom;
    }
    if (this.#peek() === "?") this.#at++; // how eager a match is says nothing about what matches
    return this.#rules.add("counted", `${atom}${count} nil`); // as in Rules.choice
  }

  #class(): readonly Range[] {
    const isNegative = this.#peek() === "^";
    if (isNegative) this.#at++;
    const ranges: Range[] = [];
    while (this.#peek() !== "]") {
      const low = this.#member();
      const isRange = this.#peek() === "-" && this.#peek(1) !== "]";
      if (!isRange) {
        ranges.push(...low);
        continue;
      }
      this.#at++;
      const high = this.#member();
      ranges.push([(low[0] as Range)[0], (high[0] as Range)[0]]);
    }
    this.#at++;
    return isNegative ? complement(ranges) : ranges;
  }

  #member(): readonly Range[] {
    const char = this.#chars[this.#at++] as string;
    return char === "\\" ? this.#escape(true) : one(char);
  }

  #escape(inClass = false): readonly Range[] {
    const char = this.#chars[this.#at++] as string;
    const known = CLASSES[char];
    if (known) return known;
    const control = CONTROLS[char];
    if (control !== undefined) return [[control, control]];
    if (char === "x") return this.#hex(2);
    if (char === "u" && this.#peek() !== "{") return this.#hex(4);
    if (char === "u") {
      const end = this.#chars.indexOf("}", this.#at);
      const code = Number.parseInt(this.#chars.slice(this.#at + 1, end).join(""), 16);
      this.#at = end + 1;
      return [[code, code]];
    }
    if (/[A-Za-z0-9]/.test(char)) this.#no(`\\${char}${inClass ? " within a class" : ""}`);
    return one(char);
  }

  #hex(digits: number): readonly Range[] {
    const code = Number.parseInt(this.#chars.slice(this.#at, this.#at + digits).join(""), 16);
    this.#at += digits;
    return [[code, code]];
  }

  #write(ranges: readonly Range[]): string {
    return stringChar(ranges) ?? this.#no("a character that JSON strings cannot have");
  }
}

function one(char: string): readonly Range[] {
  const code = char.codePointAt(0) as number;
  return [[code, code]];
}
