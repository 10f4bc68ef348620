import { PassThrough } from "node:stream";
import { expect, it, vi } from "vitest";
import { LineEditor } from "../../../src/ui/line-editor.ts";

it("ends the program as a hang-up does when its terminal cannot be read", () => {
  const kill = vi.spyOn(process, "kill").mockReturnValue(true);
  const stdin = Object.assign(new PassThrough(), { setRawMode: () => stdin });
  const output = new PassThrough();
  const editor = new LineEditor(
    stdin as unknown as NodeJS.ReadStream,
    output as unknown as NodeJS.WriteStream,
    { history: [], historySize: 10, complete: () => [] },
  );
  stdin.emit("error", Object.assign(new Error("read EIO"), { code: "EIO" }));
  expect(kill).toHaveBeenCalledExactlyOnceWith(process.pid, "SIGHUP");
  editor.close();
  kill.mockRestore();
});
