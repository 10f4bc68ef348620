import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BitnetError } from "../../../src/errors.ts";
import { WindowTooSmall } from "../../../src/gguf/cursor.ts";
import { LIMITS } from "../../../src/gguf/limits.ts";
import { readGguf } from "../../../src/gguf/reader.ts";
import { parseGguf } from "../../support/gguf.ts";
import { goldenPath } from "../../support/golden.ts";
import { seededRandom } from "../../support/random.ts";
import { tempDir } from "../../support/temp-dir.ts";

const GOLDEN = readFileSync(goldenPath("gguf/a.i2_s.gguf"));
const { dataOffset: HEADER_BYTES } = parseGguf(GOLDEN);
const SEED = 20_260_101;

/** Parses, and returns what came of it; anything but a result or one of our errors fails the test. */
function outcome(window: Buffer, fileBytes: number): "accepted" | "refused" | "more" {
  try {
    parseGguf(window, fileBytes);
    return "accepted";
  } catch (error) {
    if (error instanceof WindowTooSmall) {
      expect(error.neededBytes).toBeLessThanOrEqual(Math.min(fileBytes, LIMITS.headerBytes));
      return "more";
    }
    if (!(error instanceof BitnetError)) throw error;
    expect(error.message).toMatch(/^[\x20-\x7e]+$/);
    return "refused";
  }
}

describe("hostile GGUF files", () => {
  test("cut off at any byte of the header, they are refused", () => {
    for (let bytes = 0; bytes < HEADER_BYTES; bytes++) {
      const cut = GOLDEN.subarray(0, bytes);
      if (outcome(cut, bytes) !== "refused") expect.fail(`accepted a file of ${bytes} bytes`);
    }
  });

  test("cut off in the data, they are refused", async () => {
    const path = join(tempDir(), "m.gguf");
    writeFileSync(path, GOLDEN);
    for (const bytes of [GOLDEN.length - 32 - 1, HEADER_BYTES + 1, HEADER_BYTES, 30_000, 4, 0]) {
      truncateSync(path, bytes);
      await expect(readGguf(path), `${bytes} bytes`).rejects.toThrow(BitnetError);
    }
  });

  test("a window that ends within the header asks for more, never beyond the file", () => {
    const random = seededRandom(SEED);
    for (let i = 0; i < 500; i++) {
      const window = GOLDEN.subarray(0, 8 + random(HEADER_BYTES - 64));
      expect(outcome(window, GOLDEN.length)).toBe("more");
    }
  });

  test("with flipped bits or bytes, they are read or refused, quickly", () => {
    const random = seededRandom(SEED);
    const started = performance.now();
    const counts = { accepted: 0, refused: 0, more: 0 };
    for (let i = 0; i < 4000; i++) {
      // Half of the damage goes to the counts and types at the start and to the tensor table.
      const header = Buffer.from(GOLDEN.subarray(0, HEADER_BYTES));
      for (let flips = 1 + random(4); flips > 0; flips--) {
        const zone = random(2) === 0 ? random(HEADER_BYTES) : pickCritical(random);
        const damage = [1 << random(8), 0xff, random(256)][random(3)] ?? 1;
        header[zone] = (header[zone] ?? 0) ^ damage;
      }
      counts[outcome(header, GOLDEN.length)]++;
    }
    expect(counts.accepted).toBeGreaterThan(500);
    expect(counts.refused).toBeGreaterThan(500);
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  test("with any 8 bytes overwritten by a huge number, they allocate nothing huge", () => {
    const random = seededRandom(SEED);
    const before = process.memoryUsage();
    for (let i = 0; i < 3000; i++) {
      const header = Buffer.from(GOLDEN.subarray(0, HEADER_BYTES));
      const value = [2n ** 64n - 1n, 2n ** 53n, 2n ** 40n, 2n ** 31n, 0n][random(5)] ?? 0n;
      header.writeBigUInt64LE(value, 8 + random(HEADER_BYTES - 16));
      outcome(header, 2 ** 40);
    }
    const after = process.memoryUsage();
    expect(after.rss - before.rss).toBeLessThan(400e6);
  });
});

function pickCritical(random: (below: number) => number): number {
  return random(2) === 0 ? 4 + random(200) : HEADER_BYTES - 1 - random(1500);
}
