import { PassThrough, Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { Output } from "../../../src/ui/output.ts";
import { detectTerminal } from "../../../src/ui/terminal.ts";

const PIPE = detectTerminal({}, {});
const TTY = detectTerminal({ isTTY: true }, {});

function open(terminal = PIPE) {
  const stream = new PassThrough();
  const lost: Error[] = [];
  const out = new Output(stream, terminal, (error) => lost.push(error));
  return { out, stream, lost, written: () => String(stream.read() ?? "") };
}

describe("text", () => {
  it("goes to a pipe byte for byte", async () => {
    const { out, written } = open();
    await out.text("a\u001b[2Jb\r\n");
    await out.finishLine();
    expect(written()).toBe("a\u001b[2Jb\r\n");
  });

  it("cannot control a terminal", async () => {
    const { out, written } = open(TTY);
    await out.text("a\u001b[2J\u0007\u007f\u009bb\tc\r\n");
    expect(written()).toBe("a\u241b[2J\u2407\u2421\ufffdb\tc\r\n");
  });

  it("ends with a line feed on a terminal", async () => {
    const { out, written } = open(TTY);
    await out.finishLine();
    await out.text("a");
    await out.finishLine();
    await out.finishLine();
    expect(written()).toBe("a\n");
  });
});

it("writes documents and events", async () => {
  const { out, written } = open();
  await out.json({ a: 1n, b: [2n ** 63n] });
  await out.event({ type: "token", text: "\n" });
  expect(written()).toBe(
    '{\n  "a": 1,\n  "b": [\n    "9223372036854775808"\n  ]\n}\n{"type":"token","text":"\\n"}\n',
  );
});

it("waits until the stream can take more", async () => {
  const held: Array<() => void> = [];
  const slow = new Writable({
    highWaterMark: 1,
    write: (_chunk, _encoding, done) => held.push(done),
  });
  const out = new Output(slow, PIPE, () => expect.unreachable());
  let ready = false;
  const writing = out.text("abc").then(() => {
    ready = true;
  });
  await new Promise(setImmediate);
  expect(ready).toBe(false);
  held.shift()?.();
  await writing;
  expect(ready).toBe(true);
});

it("reports a lost stream once and then does nothing", async () => {
  const failing = new Writable({
    highWaterMark: 1,
    write: (_chunk, _encoding, done) => done(Object.assign(new Error("gone"), { code: "EPIPE" })),
  });
  const lost: Error[] = [];
  const out = new Output(failing, PIPE, (error) => lost.push(error));
  await out.text("abc");
  await out.text("more");
  await out.json({});
  expect(out.lost).toBe(true);
  expect(lost.map(({ message }) => message)).toEqual(["gone"]);
});
