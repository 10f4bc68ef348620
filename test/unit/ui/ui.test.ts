import { describe, expect, it } from "vitest";
import { detectTerminal } from "../../../src/ui/terminal.ts";
import { type Level, Ui } from "../../../src/ui/ui.ts";
import { FakeStream } from "../../support/fake-stream.ts";

function open(level: Level = "info", tty = false, env: Record<string, string> = { NO_COLOR: "1" }) {
  const stream = new FakeStream(tty);
  const ui = new Ui(stream.asWriteStream(), detectTerminal(stream, env), level);
  return { ui, stream };
}

describe("levels", () => {
  const say = (level: Level) => {
    const { ui, stream } = open(level);
    ui.error("e");
    ui.hint("h");
    ui.warn("w");
    ui.info("i");
    ui.debug("d");
    return stream.text;
  };

  it("show as much as was asked for", () => {
    expect(say("error")).toBe("error: e\nhint: h\n");
    expect(say("warn")).toBe("error: e\nhint: h\nwarning: w\n");
    expect(say("info")).toBe("error: e\nhint: h\nwarning: w\ni\n");
    expect(say("debug")).toBe("error: e\nhint: h\nwarning: w\ni\nd\n");
  });
});

it("colours where colour is wanted", () => {
  const { ui, stream } = open("info", false, { FORCE_COLOR: "1" });
  ui.error("e");
  expect(stream.text).toBe("\u001b[31m\u001b[1merror:\u001b[22m\u001b[39m e\n");
});

it("masks secrets", () => {
  const { ui, stream } = open();
  ui.info("using hf_abcdefghijkl");
  expect(stream.text).toBe("using hf_***\n");
});

describe("spin and progress off a terminal", () => {
  it("print one line before and one after", async () => {
    const { ui, stream } = open();
    expect(await ui.spin("loading m", "loaded m", async () => 7)).toBe(7);
    await ui.progress("converting m", "wrote m", async (report) => report(1, 2));
    expect(stream.text.replaceAll(/\d+ ms/g, "N ms")).toBe(
      "loading m\nloaded m in N ms\nconverting m\nwrote m in N ms\n",
    );
  });

  it("do not claim success for a failure", async () => {
    const { ui, stream } = open();
    await expect(
      ui.spin("loading", "loaded", () => Promise.reject(new Error("x"))),
    ).rejects.toThrow();
    expect(stream.text).toBe("loading\n");
  });

  it("are silent when quiet, even on a terminal", async () => {
    const { ui, stream } = open("error", true);
    await ui.spin("loading", "loaded", async () => undefined);
    expect(stream.text).toBe("");
  });

  it("do not animate in continuous integration", async () => {
    const { ui, stream } = open("info", true, { NO_COLOR: "1", CI: "1" });
    await ui.spin("loading", "loaded", async () => undefined);
    expect(stream.text).not.toContain("\u001b");
  });
});

describe("spin and progress on a terminal", () => {
  it("keep messages apart from what moves, and show the cursor again", async () => {
    const { ui, stream } = open("info", true);
    await ui.progress("converting", "wrote m", async (report) => {
      report(512, 1024);
      ui.warn("careful");
      await new Promise((resolve) => setTimeout(resolve, 150));
    });
    expect(stream.text).toContain("converting");
    expect(stream.text).toContain("512 B of 1.00 KiB");
    expect(stream.text).toContain("warning: careful\n");
    expect(stream.text.lastIndexOf("\u001b[?25h")).toBeGreaterThan(
      stream.text.lastIndexOf("\u001b[?25l"),
    );
  });

  it("spin", async () => {
    const { ui, stream } = open("info", true);
    await ui.spin("loading", "loaded", async () => {
      ui.warn("careful");
      await new Promise((resolve) => setTimeout(resolve, 100));
    });
    expect(stream.text).toContain("loading");
    expect(stream.text).toContain("warning: careful\n");
    expect(stream.text).toContain("\u001b[?25h");
    expect(stream.text).not.toContain("loaded");
  });
});
