import { describe, expect, it } from "vitest";
import type { NumberBounds } from "../../../src/constrain/schema/flat.ts";
import { numberGrammars } from "../../../src/constrain/schema/numbers.ts";
import { seededRandom } from "../../support/random.ts";

/** These grammars use what regular expressions have, too: literals, classes, groups and counts. */
function expression(grammars: readonly string[]): RegExp {
  const patterns = grammars.map((grammar) => {
    const parts = grammar.match(/"[^"]*"|[^" ]+/g) ?? [];
    return parts
      .map((part) => (part.startsWith('"') ? `(?:${part.slice(1, -1).replace(".", "\\.")})` : part))
      .join("")
      .replaceAll('"', "")
      .replaceAll("(.", "(\\.");
  });
  return new RegExp(`^(?:${patterns.join("|") || "(?!)"})$`);
}

function isWithin(x: number, { min, max, above, below }: NumberBounds): boolean {
  return (
    !(min !== undefined && x < min) &&
    !(max !== undefined && x > max) &&
    !(above !== undefined && x <= above) &&
    !(below !== undefined && x >= below)
  );
}

const random = seededRandom(11);
const between = (low: number, high: number) => low + random(high - low + 1);

function randomBounds(scale: number): NumberBounds {
  const low = between(-150, 150) / scale;
  const high = low + between(0, 2500) / scale;
  const tidy = (x: number) => Number(x.toFixed(3));
  const kinds: NumberBounds[] = [
    { min: tidy(low), max: tidy(high) },
    { above: tidy(low), below: tidy(high) },
    { min: tidy(low), below: tidy(high), max: tidy(high) },
    { min: tidy(low) },
    { below: tidy(high) },
  ];
  return kinds[random(kinds.length)] as NumberBounds;
}

describe("numbers within bounds", () => {
  it("are, when whole, exactly those", () => {
    const wrong: unknown[] = [];
    for (let i = 0; i < 150; i++) {
      const bounds = randomBounds(i % 3 === 0 ? 10 : 1);
      const pattern = expression(numberGrammars(bounds, true) ?? []);
      for (let x = -200; x <= 2700; x++) {
        if (pattern.test(String(x)) !== isWithin(x, bounds)) wrong.push([bounds, x]);
      }
      for (const text of ["-0", "00", "01"]) if (pattern.test(text)) wrong.push([bounds, text]);
    }
    expect(wrong).toEqual([]);
  });

  it("are, when they may have decimals, all within and among them all near ones", () => {
    const wrong: unknown[] = [];
    let nInside = 0;
    for (let i = 0; i < 200; i++) {
      const scale = [1, 10, 100, 1000][i % 4] as number;
      const bounds = randomBounds(scale);
      const pattern = expression(numberGrammars(bounds, false) ?? []);
      for (let k = 0; k < 100; k++) {
        const text = (between(-3000, 30_000) / (scale * 10)).toFixed(between(0, 5));
        const x = Number(text);
        const isInside = isWithin(x, bounds);
        if (pattern.test(text) && !isInside) wrong.push([bounds, text, "outside"]);
        if (!isInside || x === 0) continue;
        nInside++;
        // Some spelling of it is allowed: with decimals as the bounds have them, or more.
        const spellings = [0, 1, 2, 3, 4, 5, 6].map((digits) => x.toFixed(digits));
        const same = spellings.filter((one) => Number(one) === x);
        if (!same.some((one) => pattern.test(one))) wrong.push([bounds, text, "left out"]);
      }
    }
    expect(wrong).toEqual([]);
    expect(nInside).toBeGreaterThan(1000);
  });

  it("that no double tells apart are not counted", () => {
    expect(numberGrammars({ min: 1e15 }, true)).toBeUndefined();
    expect(numberGrammars({ min: 1e-10 }, false)).toBeUndefined();
    expect(numberGrammars({ min: 2, max: 1 }, true)).toEqual([]);
    expect(numberGrammars({ above: 1, below: 2 }, true)).toEqual([]);
    expect(numberGrammars({ min: 0.5, max: 0.5 }, false)).toEqual(['"0" "." "5"']);
  });
});
