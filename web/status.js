import { byId, setText } from "./lib/dom.js";
import { bytes, counted } from "./lib/format.js";

/** @import { ServerState } from "./api/server.js" */

const BANNERS = {
  connecting: "",
  ready: "",
  loading: "The server is loading its model. Questions wait until it is ready.",
  draining: "The server is shutting down.",
  away: "The server cannot be reached. Trying again\u2026",
};

/** What the page tells of the server: a banner when something is wrong, figures when nothing is. */
export class ServerStatus {
  #banner = byId("banner");
  #model = byId("server-model");
  #load = byId("server-load");

  /** @param {ServerState} state */
  show(state) {
    const text = BANNERS[state.phase];
    setText(this.#banner, text);
    this.#banner.hidden = text === "";
    setText(this.#model, state.model);
    setText(this.#load, loadOf(state));
    if (state.model) document.title = `${state.model} \u00b7 bitnet`;
  }
}

/** @param {ServerState} state */
function loadOf({ phase, memory, queued }) {
  if (phase !== "ready") return "";
  return [
    ...(memory === undefined ? [] : [`${bytes(memory)} of memory`]),
    ...(queued > 0 ? [`${counted(queued, "request")} waiting`] : []),
  ].join(" \u00b7 ");
}
