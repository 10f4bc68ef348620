import { describe, expect, it } from "vitest";
import type { TokenBytes } from "../../../src/constrain/protocol.ts";
import { Utf8Guard } from "../../../src/constrain/utf8-guard.ts";

/** A vocabulary of all bytes, by themselves. */
const BYTES: TokenBytes = {
  bytes: Uint8Array.from({ length: 256 }, (_, i) => i),
  offsets: Uint32Array.from({ length: 257 }, (_, i) => i),
};

function allowedAfter(lastByte: number): Set<number> {
  const words = new Uint32Array(8).fill(0xffffffff);
  new Utf8Guard(BYTES).restrict(words, lastByte);
  return new Set(
    Array.from({ length: 256 }, (_, i) => i).filter(
      (i) => ((words[i >>> 5] as number) >>> (i & 31)) & 1,
    ),
  );
}

/** First and second bytes, and whether a decoder takes them. */
function decodes(...bytes: readonly number[]): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(bytes));
    return true;
  } catch {
    return false;
  }
}

describe("the guard of UTF-8", () => {
  it("takes out the second bytes that no character has, and no others", () => {
    for (let lead = 0xc0; lead < 0x100; lead++) {
      const rest = lead < 0xe0 ? [] : lead < 0xf0 ? [0x80] : [0x80, 0x80];
      const isLead = allowedAfter(0).has(lead);
      expect(isLead).toBe(
        Array.from({ length: 64 }, (_, i) => decodes(lead, 0x80 + i, ...rest)).includes(true),
      );
      if (!isLead) continue;
      for (let next = 0x80; next < 0xc0; next++) {
        expect([lead, next, allowedAfter(lead).has(next)]).toEqual([
          lead,
          next,
          decodes(lead, next, ...rest),
        ]);
      }
    }
  });

  it("knows the last byte across tokens without any", () => {
    const tokens = { bytes: Uint8Array.of(1, 2), offsets: Uint32Array.of(0, 1, 1, 2) };
    const guard = new Utf8Guard(tokens);
    expect(guard.lastByte(7, [])).toBe(7);
    expect(guard.lastByte(7, [1])).toBe(7);
    expect(guard.lastByte(7, [2, 1])).toBe(2);
  });
});
