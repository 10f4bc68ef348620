import { counted } from "../lib/format.js";

/** @import { ServerState } from "../api/server.js" */
/** @import { Run } from "./run.js" */

/**
 * What an answer waits for, in words; empty: nothing, it is being written.
 * @param {Pick<Run, "phase" | "retryAt">} run
 * @param {ServerState} server
 * @param {number} now
 */
export function waitingText({ phase, retryAt }, server, now) {
  switch (phase) {
    case "queued":
      if (server.phase === "loading") return "The server is loading its model";
      if (server.queued === 0) return "Asking";
      return `Waiting for a free place; ${counted(server.queued, "request")} in the queue`;
    case "reading":
      return "Reading the conversation";
    case "away":
      if (server.phase === "loading") return "The server is loading its model";
      return "The server is away. The question is sent again once it is back";
    case "refused":
      return `The server asks to wait. Next try in ${Math.max(0, Math.ceil((retryAt - now) / 1000))} s`;
    case "locked":
      return "Waiting for an API key";
    case "writing":
      return "";
  }
}
