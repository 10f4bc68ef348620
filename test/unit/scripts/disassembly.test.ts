import { describe, expect, it } from "vitest";
import { importScript } from "../../support/run-script.ts";

interface Loop {
  code: { address: number; text: string }[];
  bytes: number;
}
interface Function {
  name: string;
  code: Loop["code"];
}
const { countLoop, decodeLoop, parseFunctions } = await importScript<{
  parseFunctions(listing: string): Function[];
  decodeLoop(functions: Function[], line: number): Loop;
  countLoop(loop: Loop, flush?: number): Record<string, number>;
}>("lib/disassembly.mjs");

/** As objdump lists it: four bytes to an instruction, `@n` for the address of line n. */
function listing(name: string, lines: readonly string[]): string {
  const code = lines.map((line, i) => {
    const text = line.replace(/@(\d+)/, (_, n: string) => `${(4 * Number(n)).toString(16)} <f+1>`);
    return `   ${(4 * i).toString(16)}:\t${text}`;
  });
  return `0000000000000000 <${name}>:\n${code.join("\n")}\n`;
}

const ARM = listing("ns::gemv(int)", [
  "movi\tv1.4s, #0x0",
  "prfm\tpldl1keep, [x0, #4096]", // 1
  "ldp\tq2, q3, [x0]",
  "ldp\tq4, q5, [x0, #32]",
  "ldr\tq6, [x1], #16",
  "and\tv7.16b, v2.16b, v8.16b",
  "sdot\tv1.4s, v7.16b, v6.4b[0]",
  "cmp\tx0, x2",
  "b.ne\t@1",
  "sadalp\tv9.4s, v1.8h",
  "cbnz\tw3, @0",
]);

describe("decodeLoop", () => {
  it("finds the innermost loop and what it does for a byte of weights", () => {
    const loop = decodeLoop(parseFunctions(ARM), 64);
    expect(loop.code.map(({ text }) => text.split("\t")[0])).toEqual([
      "prfm",
      "ldp",
      "ldp",
      "ldr",
      "and",
      "sdot",
      "cmp",
      "b.ne",
    ]);
    expect(loop.bytes).toBe(64);
    expect(countLoop(loop)).toEqual({
      load: 3 / 64,
      prefetch: 1 / 64,
      "logic, shift": 1 / 64,
      multiply: 1 / 64,
      other: 2 / 64,
    });
  });

  it("counts a part of the loop around it", () => {
    const counts = countLoop(decodeLoop(parseFunctions(ARM), 64), 8);
    expect(counts["multiply"]).toBe((1 + 1 / 8) / 64);
    expect(counts["other"]).toBe((2 + 2 / 8) / 64);
    expect(counts["load"]).toBe(3 / 64);
  });

  it("takes the loop with the fewest instructions for a byte", () => {
    const x86 = (products: number) => [
      "prefetcht0 0x1000(%rax)",
      "vmovdqa (%rax),%ymm1",
      "vmovdqa 0x20(%rax),%ymm2",
      ...Array.from({ length: products }, () => "{vex} vpdpbusd %ymm1,%ymm2,%ymm3"),
      "vpbroadcastd (%rcx,%rdx,4),%ymm4",
      "jne    @0",
    ];
    const functions = [4, 2, 3].map((n) => listing(`gemv_m<${n}u>(int)`, x86(n))).join("");
    const loop = decodeLoop(parseFunctions(functions), 64);
    expect(countLoop(loop)).toMatchObject({ load: 3 / 64, multiply: 2 / 64 });
  });

  it("counts bytes that are read again once", () => {
    const functions = listing("gemv_1(int)", [
      "prefetcht0 (%rdx)",
      "vmovdqu -0x1000(%rdx),%ymm7",
      "vpand  -0x1000(%rdx),%ymm14,%ymm8",
      "vpand  -0xfe0(%rdx),%ymm14,%ymm9",
      "vpmaddubsw %ymm1,%ymm8,%ymm8",
      "jne    @0",
    ]);
    expect(decodeLoop(parseFunctions(functions), 64).bytes).toBe(64);
  });

  it("does not take a prefetch's word for what a loop reads", () => {
    expect(() => decodeLoop(parseFunctions(ARM), 128)).toThrow(
      "the loop prefetches 128 bytes, but reads 64",
    );
    expect(() => decodeLoop([], 64)).toThrow("no loop that prefetches and multiplies weights");
  });
});
