/** Byte-level BPE spells every byte as one printable character (GPT-2's table): bytes that print in
 *  Latin-1 stand for themselves, the other 68 follow in order from U+0100. Space becomes U+0120. */
const PRINTABLE_RANGES = [
  [0x21, 0x7e],
  [0xa1, 0xac],
  [0xae, 0xff],
] as const;
const FIRST_SUBSTITUTE = 0x100;

/** One more than the largest code unit of the alphabet. */
const ALPHABET_END = 0x144;

const BYTE_OF_CHAR = buildTable();

function buildTable(): Int16Array {
  const table = new Int16Array(ALPHABET_END).fill(-1);
  let substitute = FIRST_SUBSTITUTE;
  for (let byte = 0; byte < 256; byte++) {
    const prints = PRINTABLE_RANGES.some(([low, high]) => byte >= low && byte <= high);
    table[prints ? byte : substitute++] = byte;
  }
  return table;
}

/** The byte that a UTF-16 code unit of the alphabet spells; -1 outside the alphabet. */
export function byteOfChar(code: number): number {
  return code < ALPHABET_END ? (BYTE_OF_CHAR[code] as number) : -1;
}

/** The character that spells a byte, by byte. */
export function byteAlphabet(): readonly string[] {
  const chars: string[] = [];
  BYTE_OF_CHAR.forEach((byte, code) => {
    if (byte >= 0) chars[byte] = String.fromCharCode(code);
  });
  return chars;
}

/** Writes the bytes that `text` spells to `out` from `at` on; at most one per code unit.
 *  @returns the end of what was written, or -1 if a character is not of the alphabet */
export function writeSpelled(
  text: string,
  start: number,
  end: number,
  out: Uint8Array,
  at: number,
): number {
  let to = at;
  for (let i = start; i < end; i++) {
    const byte = byteOfChar(text.charCodeAt(i));
    if (byte < 0) return -1;
    out[to++] = byte;
  }
  return to;
}

/** Writes text[start, end) as UTF-8, at most three bytes per code unit; a lone surrogate becomes
 *  U+FFFD, as TextEncoder has it (which is far slower on short pieces).
 *  @returns the end of what was written */
export function writeUtf8(
  text: string,
  start: number,
  end: number,
  out: Uint8Array,
  at: number,
): number {
  let to = at;
  for (let i = start; i < end; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) {
      out[to++] = unit;
    } else if (unit < 0x800) {
      out[to++] = 0xc0 | (unit >> 6);
      out[to++] = 0x80 | (unit & 0x3f);
    } else {
      const code = codePoint(text, i, end, unit);
      if (code > 0xffff) i++;
      to = writeLong(code, out, to);
    }
  }
  return to;
}

function codePoint(text: string, i: number, end: number, unit: number): number {
  if (unit < 0xd800 || unit > 0xdfff) return unit;
  if (unit <= 0xdbff && i + 1 < end) {
    const low = text.charCodeAt(i + 1);
    if (low >= 0xdc00 && low <= 0xdfff) return 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff);
  }
  return 0xfffd;
}

function writeLong(code: number, out: Uint8Array, at: number): number {
  let to = at;
  if (code > 0xffff) {
    out[to++] = 0xf0 | (code >> 18);
    out[to++] = 0x80 | ((code >> 12) & 0x3f);
  } else {
    out[to++] = 0xe0 | (code >> 12);
  }
  out[to++] = 0x80 | ((code >> 6) & 0x3f);
  out[to++] = 0x80 | (code & 0x3f);
  return to;
}
