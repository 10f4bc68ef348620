import { PassThrough, Readable } from "node:stream";
import { expect, it } from "vitest";
import { exitCodeOf, reportError } from "../../../src/cli/report.ts";
import {
  AddonError,
  CancelledError,
  ModelFormatError,
  NotFoundError,
  UsageError,
} from "../../../src/errors.ts";
import { Output } from "../../../src/ui/output.ts";
import { detectTerminal } from "../../../src/ui/terminal.ts";
import { Ui } from "../../../src/ui/ui.ts";
import { FakeStream } from "../../support/fake-stream.ts";

async function report(error: unknown, options: { json?: boolean; verbose?: boolean } = {}) {
  const stderr = new FakeStream(false);
  const stdout = new PassThrough();
  const plain = detectTerminal({}, {});
  const streams = {
    ui: new Ui(stderr.asWriteStream(), plain, "info"),
    out: new Output(stdout, plain, () => undefined),
    stdin: Readable.from([]) as unknown as NodeJS.ReadStream,
  };
  await reportError(error, streams, { json: false, verbose: false, ...options });
  return { stderr: stderr.text, stdout: String(stdout.read() ?? ""), status: exitCodeOf(error) };
}

it("prints message and hint", async () => {
  expect(await report(new UsageError("bad value", { hint: "try this" }))).toEqual({
    stderr: "error: bad value\nhint: try this\n",
    stdout: "",
    status: 2,
  });
});

it("prints causes that say something new, once", async () => {
  const inner = new Error("EIO: i/o error");
  const middle = new NotFoundError("cannot read x: EIO: i/o error", { cause: inner });
  const outer = new AddonError("the engine did not start", { cause: middle });
  expect((await report(outer)).stderr).toBe(
    "error: the engine did not start\nerror: caused by: cannot read x: EIO: i/o error\n",
  );
});

it("leaves out what the system said, but for --verbose", async () => {
  const cause = Object.assign(new Error("ENOENT: no such file, stat 'x'"), { syscall: "stat" });
  const error = new NotFoundError("there is no x", { cause });
  expect((await report(error)).stderr).toBe("error: there is no x\n");
  expect((await report(error, { verbose: true })).stderr).toContain("caused by: ENOENT");
});

it("adds the stack with --verbose", async () => {
  const { stderr } = await report(new ModelFormatError("truncated"), { verbose: true });
  expect(stderr).toMatch(/^error: truncated\n {4}at .*report\.test\.ts/);
});

it("calls everything else a bug, with its stack", async () => {
  const { stderr, status } = await report(new TypeError("x is not a function"));
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^error: x is not a function\n {4}at (.*\n)+error: this is a bug in bitnet/,
  );
  expect((await report("thrown text")).stderr).toMatch(/^error: thrown text\nerror: this is a bug/);
});

it("ends standard output with a document, with --json", async () => {
  const { stdout } = await report(new UsageError("bad", { hint: "h" }), { json: true });
  expect(stdout).toBe('{"error":{"code":"E_USAGE","message":"bad","hint":"h"}}\n');
  expect(JSON.parse((await report(new Error("oops"), { json: true })).stdout)).toEqual({
    error: { code: "E_INTERNAL", message: "oops" },
  });
});

it("a cancelled command is no error", async () => {
  expect(await report(new CancelledError())).toEqual({
    stderr: "cancelled\n",
    stdout: "",
    status: 130,
  });
  expect(await report(new CancelledError("nobody reads", 0))).toEqual({
    stderr: "",
    stdout: "",
    status: 0,
  });
});
