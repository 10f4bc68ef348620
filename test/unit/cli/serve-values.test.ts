import { describe, expect, it } from "vitest";
import { ADDRESSES, ALERT_RULE, ORIGIN, RATE, WEB_ADDRESS } from "../../../src/cli/serve/values.ts";

describe("the values of serve's options", () => {
  it("name what is expected", () => {
    expect(ALERT_RULE.expected).toBe(
      "memory>, cpu>, speed<, errors>, latency>, queue> with a number, and :critical behind it where it is that",
    );
    expect(RATE.parse("60")).toBeUndefined();
    expect(ALERT_RULE.parse("cpu<5")).toBeUndefined();
    expect(ALERT_RULE.parse("speed<5.5:critical")).toMatchObject({
      metric: "speed",
      threshold: 5.5,
      severity: "critical",
    });
  });

  it.each(["10.0.0.1", "10.0.0.0/8,::1", "loopback, 2001:db8::/32", "0.0.0.0/0"])(
    "%s are addresses",
    (text) => expect(ADDRESSES.parse(text)).toHaveLength(text.split(",").length),
  );

  it.each(["", "10.0.0.0/33", "::/129", "10.0.0.1/", "10.0.0.1/8/8", "proxy.local", "10.0.0.1,"])(
    "%j are none",
    (text) => expect(ADDRESSES.parse(text)).toBeUndefined(),
  );

  it.each(["*", "https://example.org", "http://localhost:3000"])("%s is an origin", (text) =>
    expect(ORIGIN.parse(text)).toBe(text),
  );

  it.each(["", "example.org", "https://example.org/", "https://a.org/b", "null"])(
    "%j is none",
    (text) => expect(ORIGIN.parse(text)).toBeUndefined(),
  );

  it.each([
    ["https://example.org/hook?token=x", true],
    ["http://127.0.0.1:9000", true],
    ["file:///etc/passwd", false],
    ["example.org/hook", false],
    ["", false],
  ])("%s is an address to post to: %s", (text, valid) => {
    expect(WEB_ADDRESS.parse(text)).toBe(valid ? text : undefined);
  });
});
