// Generates in a worker thread that is stopped in the middle of it, as its argument says:
// "throw", or "exit" while the model is being closed.
import { isMainThread, Worker, workerData } from "node:worker_threads";

const how = isMainThread ? process.argv[2] : workerData;
if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { workerData: how });
  worker.on("error", ({ message }) => console.log(message));
  worker.on("exit", () => console.log("stopped"));
} else {
  const { openModel } = await import("../../dist/index.js");
  const model = await openModel(new URL("../../models/demo", import.meta.url).pathname);
  const options = { maxTokens: 400, seed: 1, stopTokens: [] };
  let seen = 0;
  for await (const _ of model.createSession().generate(model.encode("Once"), options)) {
    if (++seen < 20) continue;
    if (how === "throw") throw new Error("enough");
    void model.close();
    process.exit();
  }
}
