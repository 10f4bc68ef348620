import { describe, expect, it } from "vitest";
import { FairQueue } from "../../../src/server/queue.ts";

function drain(queue: FairQueue<string>): string[] {
  const all: string[] = [];
  for (let one = queue.shift(); one !== undefined; one = queue.shift()) all.push(one);
  return all;
}

describe("FairQueue", () => {
  it("lets clients take turns, each in order", () => {
    const queue = new FairQueue<string>();
    for (const item of ["a1", "a2", "a3"]) queue.push("a", item);
    queue.push("b", "b1");
    queue.push("c", "c1");
    queue.push("b", "b2");
    expect(queue.size).toBe(6);
    expect(drain(queue)).toEqual(["a1", "b1", "c1", "a2", "b2", "a3"]);
    expect(queue.size).toBe(0);
  });

  it("puts a client that comes back behind those who wait", () => {
    const queue = new FairQueue<string>();
    queue.push("a", "a1");
    queue.push("b", "b1");
    expect(queue.shift()).toBe("a1");
    queue.push("a", "a2");
    expect(drain(queue)).toEqual(["b1", "a2"]);
  });

  it("lets go of who does not want to wait", () => {
    const queue = new FairQueue<string>();
    queue.push("a", "a1");
    queue.push("a", "a2");
    expect(queue.remove("a", "a1")).toBe(true);
    expect(queue.remove("a", "a1")).toBe(false);
    expect(queue.remove("b", "a2")).toBe(false);
    expect(queue.size).toBe(1);
    expect(drain(queue)).toEqual(["a2"]);
  });
});
