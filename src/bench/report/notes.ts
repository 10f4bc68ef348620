import { digits, giga, modelName, threadsText } from "./columns.ts";
import type { BenchReport, EnergyReport } from "./document.ts";

const MIB = 1024 * 1024;

/** What stands above the table: where and with what it was measured. */
export function headingOf({ machine, bitnet, repetitions, date }: BenchReport): string {
  const { cpu, logicalCpus, platform, node } = machine;
  const what = `bitnet ${bitnet}, Node ${node}, ${platform}, ${date.slice(0, 10)}`;
  return `${cpu}, ${logicalCpus} logical CPUs; ${what}; ${repetitions} repetitions`;
}

/** What stands below it: limits of the machine, load and memory, energy. */
export function notesOf(report: BenchReport): readonly string[] {
  return [
    ...report.limits.map(
      ({ kernel, threads, readBytesPerSecond, int8OperationsPerSecond }) =>
        `limit: ${kernel}, ${threadsText(threads)}: reads ${giga(readBytesPerSecond)} GB/s, ` +
        (int8OperationsPerSecond === null
          ? "int8 peak not known"
          : `int8 ${giga(int8OperationsPerSecond)} GOP/s`),
    ),
    ...memoryNotes(report),
    ...(report.results.some(({ achieved }) => (achieved.readShare ?? 0) > 1)
      ? ["above 100 % of read: the weights fit into the processor's caches"]
      : []),
    energyNote(report.energy),
    ...energyReasons(report),
  ];
}

function memoryNotes({ results, models }: BenchReport): readonly string[] {
  const lines = results.map(({ setup, loadMs, peakRssBytes }) => {
    const name = `${modelName(models, setup.model)}, ${setup.kernel}, ${threadsText(setup.threads)}`;
    const peak = digits(peakRssBytes / MIB);
    return `loaded in ${digits(loadMs.median)} ms, peak ${peak} MiB: ${name}`;
  });
  return [...new Set(lines)];
}

export function energyNote(energy: EnergyReport): string {
  if (energy.method === null) return `energy: not measured (${energy.reason}; fix: ${energy.fix})`;
  const { method, scope, idleWatts, assumedWatts } = energy;
  if (assumedWatts !== null) {
    return `energy: ~estimate from ${assumedWatts} W that the user assumed, not measured`;
  }
  const idle = idleWatts === null ? "" : `, idle ${digits(idleWatts)} W (net is without it)`;
  return `energy: ${method}, ${scope}${idle}; a model's counter, not a reading at the wall`;
}

function energyReasons({ results }: BenchReport): readonly string[] {
  const lines = results.flatMap(({ test, energyReason }) =>
    energyReason === null ? [] : `energy of ${test}: not measured (${energyReason})`,
  );
  return [...new Set(lines)];
}
