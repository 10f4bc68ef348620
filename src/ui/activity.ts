import type { MultiBar, SingleBar } from "cli-progress";
import type { Ora } from "ora";
import { formatBytes, formatDuration, formatRate } from "./format.ts";
import type { Terminal } from "./terminal.ts";

/** Something that moves on the last line of the terminal. */
export interface Activity {
  /** Prints a line above the moving one. */
  print(line: string): void;
  /** Removes the moving line and shows the cursor again. */
  stop(): void;
}

export interface SpinnerActivity extends Activity {
  update(text: string): void;
}

export interface ProgressActivity extends Activity {
  update(done: number, total: number): void;
}

export interface ProgressGroupActivity extends Activity {
  update(name: string, done: number, total: number): void;
}

// Both libraries are imported when the first activity starts: ora alone costs 40 ms, which
// `bitnet --help` need not pay.

export async function startSpinner(
  text: string,
  stream: NodeJS.WriteStream,
  terminal: Terminal,
): Promise<SpinnerActivity> {
  const { default: ora } = await import("ora");
  const spinner: Ora = ora({
    text,
    stream,
    isEnabled: true,
    color: terminal.color ? "cyan" : false,
    // Else stdin is put into raw mode and Ctrl-C no longer comes as a signal.
    discardStdin: false,
  }).start();
  return {
    update: (next) => {
      spinner.text = next;
    },
    print: (line) => {
      spinner.clear();
      stream.write(`${line}\n`);
      spinner.render();
    },
    stop: () => {
      spinner.stop();
    },
  };
}

const REDRAWS_PER_SECOND = 10;
const BAR_COLUMNS = 28;
const GROUP_BAR_COLUMNS = 16;
const GROUP_NAME_COLUMNS = 28;

/** What stands behind a bar: how far, how fast, how long still. */
export type DescribeProgress = (done: number, total: number, elapsedMs: number) => string;

export async function startProgress(
  text: string,
  stream: NodeJS.WriteStream,
  describe: DescribeProgress = describeBytes,
): Promise<ProgressActivity> {
  const bars = await createBars(stream, BAR_COLUMNS);
  const startedAt = performance.now();
  const bar: SingleBar = bars.create(0, 0, { name: text, amount: "" });
  return {
    update: (done, total) => {
      bar.setTotal(total);
      bar.update(done, { amount: describe(done, total, performance.now() - startedAt) });
    },
    ...printAndStop(bars),
  };
}

/** A bar for each of several things that go on at once, while they do, and one for all of them.
 *    total  of all of them together */
export async function startProgressGroup(
  total: number,
  stream: NodeJS.WriteStream,
): Promise<ProgressGroupActivity> {
  const bars = await createBars(stream, GROUP_BAR_COLUMNS);
  const all = { bar: bars.create(0, 0, { name: fit("in all"), amount: "" }), meter: new Meter() };
  const parts = new Map<string, { readonly bar: SingleBar; readonly meter: Meter; done: number }>();
  return {
    update: (name, done, partTotal) => {
      const known = parts.get(name);
      const part = known ?? {
        bar: bars.create(0, 0, { name: fit(name), amount: "" }),
        meter: new Meter(),
        done,
      };
      if (!known) parts.set(name, part);
      part.done = done;
      part.bar.setTotal(partTotal);
      part.bar.update(done, { amount: part.meter.describe(done, partTotal) });
      if (done >= partTotal) bars.remove(part.bar); // else many files are longer than the screen
      const sum = [...parts.values()].reduce((bytes, one) => bytes + one.done, 0);
      all.bar.setTotal(total);
      all.bar.update(sum, { amount: all.meter.describe(sum, total) });
    },
    ...printAndStop(bars),
  };
}

async function createBars(stream: NodeJS.WriteStream, barsize: number): Promise<MultiBar> {
  const { default: progress } = await import("cli-progress");
  return new progress.MultiBar({
    stream,
    format: "{name} {bar} {percentage}%  {amount}",
    barCompleteChar: "\u2588",
    barIncompleteChar: "\u2591",
    barsize,
    fps: REDRAWS_PER_SECOND,
    hideCursor: true,
    clearOnComplete: true,
    emptyOnZero: true,
  });
}

function printAndStop(bars: MultiBar): Activity {
  return {
    print: (line) => {
      bars.log(`${line}\n`);
    },
    stop: () => {
      bars.update(); // writes what `print` left in the buffer
      bars.stop();
    },
  };
}

/** Bars of a group stand under one another. */
function fit(name: string): string {
  const whole = name.length <= GROUP_NAME_COLUMNS;
  return whole ? name.padEnd(GROUP_NAME_COLUMNS) : `...${name.slice(3 - GROUP_NAME_COLUMNS)}`;
}

/** Rate of what is new: a download that goes on begins in the middle. */
class Meter {
  #first: { readonly done: number; readonly at: number } | undefined;

  describe(done: number, total: number): string {
    this.#first ??= { done, at: performance.now() };
    const amount = `${formatBytes(done)} of ${formatBytes(total)}`;
    const rate = (done - this.#first.done) / (performance.now() - this.#first.at);
    if (!(rate > 0) || done >= total) return amount;
    return `${amount}, ${formatBytes(rate * 1000)}/s, ${formatDuration((total - done) / rate)} left`;
  }
}

/** `412 MiB of 1.18 GiB, 205 MiB/s, 3.8 s left`. */
function describeBytes(done: number, total: number, elapsedMs: number): string {
  const amount = `${formatBytes(done)} of ${formatBytes(total)}`;
  if (done === 0 || elapsedMs === 0) return amount;
  const rate = done / elapsedMs;
  const left = formatDuration((total - done) / rate);
  return `${amount}, ${formatBytes(rate * 1000)}/s, ${left} left`;
}

/** `120 of 2000, 6.1/s, 5 min 08 s left`. */
export function describeCount(done: number, total: number, elapsedMs: number): string {
  const amount = `${done} of ${total}`;
  if (done === 0 || elapsedMs === 0) return amount;
  const left = formatDuration(((total - done) * elapsedMs) / done);
  return `${amount}, ${formatRate((done * 1000) / elapsedMs)}/s, ${left} left`;
}
