import { describe, expect, it } from "vitest";
import { networkOf } from "../../../../src/server/guards/client-ids.ts";
import { parseRate } from "../../../../src/server/guards/rates.ts";
import { SlidingWindows } from "../../../../src/server/guards/sliding-windows.ts";
import { seededRandom } from "../../../support/random.ts";

function windows(count: number, windowMs: number) {
  const clock = { ms: 0 };
  return { clock, windows: new SlidingWindows({ count, windowMs }, () => clock.ms) };
}

it("no stretch as long as the window ever holds more than the limit, and none is refused in vain", () => {
  const next = seededRandom(3);
  for (let round = 0; round < 50; round++) {
    const [count, windowMs] = [1 + next(6), 10 + next(90)];
    const { clock, windows: limit } = windows(count, windowMs);
    const taken: number[] = [];
    for (let i = 0; i < 300; i++) {
      clock.ms += 1 + next(20);
      const inWindow = taken.filter((time) => time > clock.ms - windowMs).length;
      const waitMs = limit.take("a");
      expect(waitMs === 0).toBe(inWindow < count);
      if (waitMs === 0) {
        taken.push(clock.ms);
        continue;
      }
      // What it says is exact: a millisecond less is too early.
      expect(taken.filter((time) => time > clock.ms + waitMs - windowMs)).toHaveLength(count - 1);
      expect(taken.filter((time) => time > clock.ms + waitMs - 1 - windowMs)).toHaveLength(count);
    }
    expect(taken.length).toBeGreaterThan(count);
  }
});

it("clients do not pay for one another", () => {
  const { windows: limit } = windows(1, 1000);
  expect(limit.take("a")).toBe(0);
  expect(limit.take("b")).toBe(0);
  expect(limit.take("a")).toBe(1000);
});

it("to ask costs nothing", () => {
  const { windows: limit } = windows(1, 1000);
  for (let i = 0; i < 5; i++) expect(limit.waitMs("a")).toBe(0);
  expect(limit.take("a")).toBe(0);
});

it("remembers no more than 10,000 clients, and those who came last", () => {
  const { windows: limit } = windows(1, 1000);
  for (let i = 0; i < 30_000; i++) limit.take(`client ${i}`);
  expect(limit.size).toBe(10_000);
  expect(limit.waitMs("client 29999")).toBe(1000);
  expect(limit.waitMs("client 0")).toBe(0);
});

it("remembers no more than a million requests", () => {
  const { windows: limit } = windows(300_000, 1e9);
  for (const client of ["a", "b", "c", "d"]) {
    for (let i = 0; i < 300_000; i++) limit.take(client);
  }
  expect(limit.size).toBe(3);
  expect(limit.waitMs("d")).toBeGreaterThan(0);
});

describe("a rate", () => {
  it.each([
    ["60/min", { count: 60, windowMs: 60_000 }],
    ["1/s", { count: 1, windowMs: 1000 }],
    ["5000/h", { count: 5000, windowMs: 3_600_000 }],
  ])("%s", (text, rate) => expect(parseRate(text)).toEqual(rate));

  it.each([
    "",
    "60",
    "0/min",
    "-1/s",
    "1.5/s",
    "60/minute",
    "60 / min",
    "1e3/s",
    "1/d",
    "9999999/s",
  ])("%j is none", (text) => expect(parseRate(text)).toBeUndefined());
});

describe("an address stands for", () => {
  it.each([
    ["10.0.0.7", "10.0.0.7"],
    ["::ffff:10.0.0.7", "10.0.0.7"],
    ["::FFFF:10.0.0.7", "10.0.0.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::6", "2001:db8:1:2::/64"],
    ["2001:0db8:0001:0002::", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["unix", "unix"],
  ])("%s: %s", (address, network) => expect(networkOf(address)).toBe(network));
});
