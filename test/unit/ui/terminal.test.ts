import { describe, expect, it } from "vitest";
import { detectTerminal } from "../../../src/ui/terminal.ts";

const TTY = { isTTY: true, columns: 120 };
const PIPE = {};
const color = (...args: Parameters<typeof detectTerminal>) => detectTerminal(...args).color;

describe("colour", () => {
  it("is on for a terminal only", () => {
    expect(color(TTY, {})).toBe(true);
    expect(color(PIPE, {})).toBe(false);
    expect(color(TTY, { TERM: "dumb" })).toBe(false);
  });

  it("is off with --no-color and with any non-empty NO_COLOR", () => {
    expect(color(TTY, { FORCE_COLOR: "1" }, true)).toBe(false);
    expect(color(TTY, { NO_COLOR: "0", FORCE_COLOR: "1" })).toBe(false);
    expect(color(TTY, { NO_COLOR: "" })).toBe(true);
  });

  it("is forced by FORCE_COLOR", () => {
    expect(color(PIPE, { FORCE_COLOR: "1" })).toBe(true);
    expect(color(TTY, { FORCE_COLOR: "0" })).toBe(false);
  });
});

it("animates on a capable terminal outside of continuous integration", () => {
  const animated = (...args: Parameters<typeof detectTerminal>) => detectTerminal(...args).animated;
  expect(animated(TTY, {})).toBe(true);
  expect(animated(TTY, { CI: "false" })).toBe(true);
  expect(animated(TTY, { CI: "true" })).toBe(false);
  expect(animated(TTY, { TERM: "dumb" })).toBe(false);
  expect(animated({ isTTY: true, columns: 0 }, {})).toBe(false);
  expect(animated(PIPE, { FORCE_COLOR: "1" })).toBe(false);
});

it("knows its width", () => {
  expect(detectTerminal(TTY, {}).width).toBe(120);
  expect(detectTerminal(PIPE, { COLUMNS: "66" }).width).toBe(66);
  expect(detectTerminal(PIPE, { COLUMNS: "wide" }).width).toBe(80);
});
