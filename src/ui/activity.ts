import type { MultiBar, SingleBar } from "cli-progress";
import type { Ora } from "ora";
import { formatBytes, formatDuration } from "./format.ts";
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

export async function startProgress(
  text: string,
  stream: NodeJS.WriteStream,
): Promise<ProgressActivity> {
  const { default: progress } = await import("cli-progress");
  const bars: MultiBar = new progress.MultiBar({
    stream,
    format: `${text} {bar} {percentage}%  {amount}`,
    barCompleteChar: "\u2588",
    barIncompleteChar: "\u2591",
    barsize: BAR_COLUMNS,
    fps: REDRAWS_PER_SECOND,
    hideCursor: true,
    clearOnComplete: true,
    emptyOnZero: true,
  });
  const startedAt = performance.now();
  const bar: SingleBar = bars.create(0, 0, { amount: "" });
  return {
    update: (done, total) => {
      bar.setTotal(total);
      bar.update(done, { amount: describe(done, total, performance.now() - startedAt) });
    },
    print: (line) => {
      bars.log(`${line}\n`);
    },
    stop: () => {
      bars.update(); // writes what `print` left in the buffer
      bars.stop();
    },
  };
}

/** `412 MiB of 1.18 GiB, 205 MiB/s, 3.8 s left`. */
function describe(done: number, total: number, elapsedMs: number): string {
  const amount = `${formatBytes(done)} of ${formatBytes(total)}`;
  if (done === 0 || elapsedMs === 0) return amount;
  const rate = done / elapsedMs;
  const left = formatDuration((total - done) / rate);
  return `${amount}, ${formatBytes(rate * 1000)}/s, ${left} left`;
}
