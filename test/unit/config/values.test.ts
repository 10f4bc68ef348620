import { describe, expect, it } from "vitest";
import {
  BOOLEAN,
  decimal,
  INTEGER,
  integer,
  NAME,
  oneOf,
  POSITIVE,
  TOKEN_BIAS_TYPE,
} from "../../../src/config/values.ts";

describe("integer", () => {
  const type = integer(-1, 99, "-1: no limit");

  it("says what it expects", () => {
    expect(type.expected).toBe("a whole number from -1 to 99 (-1: no limit)");
    expect(integer(1).expected).toBe("a whole number of at least 1");
  });

  it.each([
    ["0", 0],
    ["+5", 5],
    ["-1", -1],
    ["099", 99],
  ])("%s is %d", (text, value) => expect(type.parse(text)).toBe(value));

  it.each(["", " ", "1.0", "1e1", "0x10", "-2", "100", "five", "1 2", "99999999999999999999"])(
    "%j is refused",
    (text) => expect(type.parse(text)).toBeUndefined(),
  );
});

it("any integer", () => {
  expect(["-5", "9007199254740991"].map(INTEGER.parse)).toEqual([-5, 9007199254740991]);
  expect(["9007199254740992", "", "1.5"].map(INTEGER.parse)).toEqual(Array(3).fill(undefined));
});

describe("decimal", () => {
  const type = decimal(0, 2);

  it.each([
    ["0", 0],
    [".5", 0.5],
    ["1.", 1],
    ["2e-1", 0.2],
  ])("%s is %d", (text, value) => expect(type.parse(text)).toBe(value));

  it.each(["", "NaN", "Infinity", "-0.1", "2.1", "1,5", "0x1", "1e999"])("%j is refused", (text) =>
    expect(type.parse(text)).toBeUndefined(),
  );

  it("refuses infinity even without an upper bound", () => {
    expect(decimal(0).parse("1e999")).toBeUndefined();
  });
});

it("a positive number is above zero", () => {
  expect(POSITIVE.parse("0.1")).toBe(0.1);
  expect(["0", "-1", "x", ""].map(POSITIVE.parse)).toEqual(Array(4).fill(undefined));
});

it("a name is not empty", () => {
  expect(NAME.parse("")).toBeUndefined();
});

it("a choice is one of the list", () => {
  const type = oneOf("f32", "f16");
  expect(type.expected).toBe("one of f32, f16");
  expect(type.parse("f16")).toBe("f16");
  expect(type.parse("F16")).toBeUndefined();
});

it("flags in the environment have the usual spellings", () => {
  expect(["1", "true", "YES", "on"].map(BOOLEAN.parse)).toEqual([true, true, true, true]);
  expect(["0", "False", "no", "off"].map(BOOLEAN.parse)).toEqual([false, false, false, false]);
  expect(["", "2", "constructor"].map(BOOLEAN.parse)).toEqual([undefined, undefined, undefined]);
});

describe("token bias", () => {
  it.each([
    ["12=-5", { token: 12, bias: -5 }],
    ["12=1.5", { token: 12, bias: 1.5 }],
    ["12+1.5", { token: 12, bias: 1.5 }],
    ["12-1", { token: 12, bias: -1 }],
    ["12=-inf", { token: 12, bias: Number.NEGATIVE_INFINITY }],
    ["12=false", { token: 12, bias: Number.NEGATIVE_INFINITY }],
    ["12-inf", { token: 12, bias: Number.NEGATIVE_INFINITY }],
  ])("%s", (text, value) => expect(TOKEN_BIAS_TYPE.parse(text)).toEqual(value));

  it.each(["12", "=5", "a=5", "12=", "12=x", "-1=5", "12=inf"])("%j is refused", (text) =>
    expect(TOKEN_BIAS_TYPE.parse(text)).toBeUndefined(),
  );
});
