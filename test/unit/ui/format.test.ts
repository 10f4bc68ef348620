import { expect, it } from "vitest";
import { formatBytes, formatCount, formatDuration, formatRate } from "../../../src/ui/format.ts";
import { redact } from "../../../src/ui/redact.ts";
import { formatTable } from "../../../src/ui/table.ts";

it.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.00 KiB"],
  [10_240, "10.0 KiB"],
  [657 * 1024 * 1024, "657 MiB"],
  [1.18 * 1024 ** 3, "1.18 GiB"],
])("bytes %d > %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

it.each([
  [0, "0"],
  [9_999, "9999"],
  [41_200, "41.2 k"],
  [328_000_000, "328 M"],
  [2_412_820_480, "2.41 B"],
])("count %d > %s", (count, text) => expect(formatCount(count)).toBe(text));

it.each([
  [0.4, "0 ms"],
  [850, "850 ms"],
  [4200, "4.2 s"],
  [187_000, "3 min 07 s"],
])("duration %d > %s", (ms, text) => expect(formatDuration(ms)).toBe(text));

it("a rate has three significant digits", () => {
  expect([1188, 64.04, 1.091].map(formatRate)).toEqual(["1188", "64.0", "1.09"]);
});

it("tables align words left and numbers right", () => {
  const rows = [
    ["type", "tensors", "size"],
    ["i2_s", "210", "497 MiB"],
    ["f32", "7", "1 MiB", "x"],
  ];
  expect(formatTable(rows.slice(1))).toEqual(["  i2_s  210  497 MiB", "  f32     7    1 MiB  x"]);
  expect(formatTable(rows, { indent: 0, header: true })).toEqual([
    "type  tensors     size",
    "i2_s      210  497 MiB",
    "f32         7    1 MiB  x",
  ]);
  expect(formatTable([])).toEqual([]);
});

it.each([
  ["token hf_abcdefghijklmnop is wrong", "token hf_*** is wrong"],
  ["authorization: Bearer abcdef123456", "authorization: Bearer ***"],
  ["https://me:pass@host/x", "https://***@host/x"],
  ["GET /x?a=1&token=abc&b=2", "GET /x?a=1&token=***&b=2"],
  ["a/hf_short and plain text", "a/hf_short and plain text"],
])("redact %s", (text, safe) => expect(redact(text)).toBe(safe));
