// Where grammars are compiled and followed: beside the main thread, which a grammar must not hold up.
import { parentPort } from "node:worker_threads";
import { GrammarMachine } from "./machine.ts";
import type { WorkerReply, WorkerRequest } from "./protocol.ts";

let machine: GrammarMachine | undefined;

async function reply(request: WorkerRequest): Promise<WorkerReply> {
  if (request.type === "open") {
    machine = await GrammarMachine.open(request.tokens);
    return { type: "done" };
  }
  if (!machine) return { type: "failed", message: "no vocabulary" };
  switch (request.type) {
    case "compile":
      return machine.compile(request.key, request.source);
    case "mask":
      return machine.mask(request.generation, request.key, request.from, request.tokens);
    case "close":
      return machine.close(request.generation);
    default:
      return request satisfies never;
  }
}

parentPort?.on("message", async (request: WorkerRequest) => {
  let answer: WorkerReply;
  try {
    answer = await reply(request);
  } catch (error) {
    answer = { type: "failed", message: machine?.complaint() || String(error) };
  }
  const transfer = answer.type === "mask" ? [answer.words.buffer as ArrayBuffer] : [];
  parentPort?.postMessage({ ...answer, heapBytes: machine?.heapBytes() ?? 0 }, transfer);
});
