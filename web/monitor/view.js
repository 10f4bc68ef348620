import { byId, h } from "../lib/dom.js";

/** @import { Client } from "../api/client.js" */

/** What the server does, in figures and charts. */
export class MonitorView {
  #root = byId("view-monitor");

  /** @param {Client} client @param {{ askKey: () => Promise<boolean> }} hooks */
  constructor(client, { askKey }) {
    this.client = client;
    this.askKey = askKey;
    this.#root.append(h("h1", {}, "Monitor"));
  }

  /** @param {boolean} shown */
  setShown(shown) {
    void shown;
  }
}
