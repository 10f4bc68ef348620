import { type EnergyMeter, isMeter } from "../../bench/energy/meter.ts";
import { openMeter } from "../../bench/energy/open.ts";
import type { Backend } from "../../server/backend.ts";
import type { Alert } from "../../server/monitoring/alerts.ts";
import { Monitor } from "../../server/monitoring/monitor.ts";
import { processProbe } from "../../server/monitoring/probe.ts";
import { Webhook } from "../../server/monitoring/webhook.ts";
import type { Context } from "../context.ts";
import type { OptionKey, OptionValues } from "../options.ts";
import { readVersion } from "../version.ts";

/** Options that decide what is watched, and who is told. */
export const MONITOR_OPTIONS = [
  "alert",
  "alertWebhook",
  "powercap",
  "perfPower",
] as const satisfies readonly OptionKey[];

type Options = Pick<
  OptionValues<(typeof MONITOR_OPTIONS)[number] | "parallel">,
  (typeof MONITOR_OPTIONS)[number] | "parallel"
>;

/** Begins to keep account of the server; ends when it is disposed of. */
export function openMonitor(
  { ui, signal }: Pick<Context, "ui" | "signal">,
  { parallel, alert, alertWebhook, powercap, perfPower }: Options,
  backend: Backend,
): Monitor & Disposable {
  const meter = openMeter({ powercap, perfPower, platform: process.platform });
  const energy: EnergyMeter | undefined = isMeter(meter) ? meter : undefined;
  const onFailure = (message: string) => ui.warn(message);
  const log = ({ severity, message, recovered }: Alert) => {
    if (recovered !== null) ui.info(`no longer so: ${message}`);
    else if (severity === "critical") ui.error(message);
    else ui.warn(message);
  };
  const webhook = alertWebhook && new Webhook({ url: alertWebhook, onFailure, signal });
  const monitor = new Monitor({
    version: readVersion(),
    probe: processProbe(energy && { scope: energy.scope, read: () => energy.read() }),
    load: () => backend.serving?.service.state() ?? { active: 0, queued: 0, places: parallel },
    model: () => modelFigures(backend),
    rules: alert,
    alertListeners: webhook ? [log, webhook.listener] : [log],
  });
  monitor.start();
  return Object.assign(monitor, {
    [Symbol.dispose]: () => {
      monitor.close();
      energy?.close();
    },
  });
}

function modelFigures({ serving }: Backend) {
  if (!serving) return undefined;
  const { id, model, contextLength } = serving;
  return { id, kvCacheBytes: model.memory().kvCacheBytes, contextTokens: contextLength };
}
