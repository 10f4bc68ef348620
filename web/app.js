import { Client } from "./api/client.js";
import { ServerWatch } from "./api/server.js";
import { Composer } from "./chat/composer.js";
import { Desk } from "./chat/desk.js";
import { LogView } from "./chat/log.js";
import { settingsFrom } from "./chat/settings.js";
import { SettingsPanel } from "./chat/settings-panel.js";
import { Shelf } from "./chat/shelf.js";
import { Sidebar } from "./chat/sidebar.js";
import { openStore } from "./chat/storage.js";
import { waitingText } from "./chat/waiting.js";
import { byId } from "./lib/dom.js";
import { startDrawer } from "./lib/drawer.js";
import { icon } from "./lib/icons.js";
import { askKey } from "./lib/key-dialog.js";
import { preference, setPreference } from "./lib/preferences.js";
import { startTheme } from "./lib/theme.js";
import { toast } from "./lib/toast.js";
import { startViews } from "./lib/views.js";
import { MonitorView } from "./monitor/view.js";
import { ServerStatus } from "./status.js";

for (const button of document.querySelectorAll("[data-icon]")) {
  const name = /** @type {Parameters<typeof icon>[0]} */ (button.getAttribute("data-icon"));
  button.prepend(icon(name));
  button.setAttribute("title", button.textContent?.trim() ?? "");
}
startTheme();

const client = new Client(document.baseURI);
const takeKey = () =>
  askKey(client.key !== "", (key) => {
    client.key = key;
    void server.check();
  });
const status = new ServerStatus();
/** @type {ServerWatch} */
const server = new ServerWatch(client, {
  changed: (state) => {
    status.show(state);
    log.refresh();
  },
  isBusy: () => desk.isRunning,
});

const store = await openStore();
/** @type {Desk} */
const desk = new Desk(
  new Shelf(store, tellNotSaved),
  {
    client,
    model: () => server.state.model,
    whenReady: (signal) => server.whenReady(signal),
    askKey: takeKey,
  },
  lastSettings(),
  {
    list: () => sidebar.show(),
    branch: () => {
      setPreference("open", desk.current.id);
      log.show();
      composer.update();
      if (desk.isRunning) void server.check();
    },
    progress: (run) => {
      log.refresh();
      log.announce(run);
      composer.update();
    },
  },
);
const log = new LogView(desk, (run) => waitingText(run, server.state, Date.now()));
const drawer = startDrawer();
const composer = new Composer(desk, { sent: () => log.toEnd() });
const sidebar = new Sidebar(desk, {
  chosen: () => {
    drawer.close();
    composer.focus();
  },
});
new SettingsPanel(desk, {
  changed: (settings) => setPreference("settings", JSON.stringify(settings)),
});
const monitor = new MonitorView(client, { askKey: takeKey });
startViews((view) => {
  monitor.setShown(view === "monitor");
  if (view === "chat") composer.focus();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog[open]"))
    return;
  if (!drawer.close()) composer.stop();
});
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  location.hash = "#chat";
  composer.focus();
});

log.show();
await desk.load();
desk.open(preference("open"));
if (!store.lasting) toast("This browser keeps nothing for this page: conversations end with it.");
server.start();
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) desk.load().catch(tellNotSaved);
});

/** Of the conversation before this one. */
function lastSettings() {
  try {
    return settingsFrom(JSON.parse(preference("settings") || "{}"));
  } catch {
    return {};
  }
}

let toldNotSaved = false;

/** @param {unknown} error */
function tellNotSaved(error) {
  if (toldNotSaved) return;
  toldNotSaved = true;
  const full = error instanceof DOMException && error.name === "QuotaExceededError";
  toast(
    full
      ? "The browser's storage for this page is full. Export your conversations, then delete some."
      : "The browser could not save the conversation. Export it before you close this page.",
  );
}
