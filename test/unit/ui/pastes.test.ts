import { describe, expect, it } from "vitest";
import { InputGate } from "../../../src/ui/input-gate.ts";
import { fromLine, Pastes, toLine } from "../../../src/ui/pastes.ts";

const START = "\u001b[200~";
const END = "\u001b[201~";

/** What comes out of a gate for keys that come in these pieces. */
async function through(gate: InputGate, ...pieces: readonly string[]): Promise<string> {
  let text = "";
  gate.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  for (const piece of pieces) {
    await new Promise<void>((resolve) => gate.write(Buffer.from(piece), () => resolve()));
  }
  await new Promise((resolve) => setImmediate(resolve));
  return text;
}

const newGate = () =>
  new InputGate(
    () => undefined,
    (pasted) => `<${pasted}>`,
  );

describe("the gate before a line editor", () => {
  it("gives keys as they are", async () => {
    expect(await through(newGate(), "ab\r", "\u001b[A", "\u001b", "\u0003")).toBe(
      "ab\r\u001b[A\u001b\u0003",
    );
  });

  it.each([
    ["at once", [`a${START}b\rc${END}d`]],
    ["in two", [`a${START}b`, `\rc${END}d`]],
    ["in pieces that cut its marks", ["a\u001b[", "20", "0~b\r", "c\u001b[2", "01~d"]],
  ])("hands over a paste that comes %s", async (_, pieces) => {
    const [first = "", ...rest] = pieces;
    expect(await through(newGate(), first, ...rest)).toBe("a<b\rc>d");
  });

  it("keeps characters of several bytes whole", async () => {
    const gate = newGate();
    const bytes = Buffer.from("\u{1f600}");
    let text = "";
    gate.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    gate.write(bytes.subarray(0, 2));
    gate.write(bytes.subarray(2));
    await new Promise((resolve) => setImmediate(resolve));
    expect(text).toBe("\u{1f600}");
  });

  it("holds keys while it is closed; Ctrl-C calls and drops them", async () => {
    const gate = newGate();
    let calls = 0;
    gate.closeGate(() => calls++);
    expect(await through(gate, "lost", "\u0003", "kept")).toBe("");
    expect(calls).toBe(1);
    gate.openGate();
    expect(await through(gate, "!")).toBe("!");
    expect(calls).toBe(1);
  });
});

describe("pasted texts", () => {
  it("short ones are shown in the line, line ends and tabs as pictures", () => {
    const pastes = new Pastes();
    const line = pastes.add("a\r\nb\rc\n\td\u001b[2J\u0007");
    expect(line).toBe("a\u2424b\u2424c\u2424\u2409d[2J");
    expect(pastes.expand(`> ${line}`)).toBe("> a\nb\nc\n\td[2J");
  });

  it("long ones are shown as a mark", () => {
    const pastes = new Pastes();
    const text = "$& line\n".repeat(1000);
    const mark = pastes.add(text);
    expect(mark).toBe("[paste 1: 1001 lines, 8000 characters]");
    expect(pastes.expand(`see ${mark} and ${pastes.add("x".repeat(600))}`)).toBe(
      `see ${text} and ${"x".repeat(600)}`,
    );
  });

  it("a line and its text turn into one another", () => {
    expect(fromLine(toLine("a\n\tb"))).toBe("a\n\tb");
  });
});
