/** What a stream can show, decided once at start-up. */
export interface Terminal {
  readonly isTty: boolean;
  readonly color: boolean;
  /** A TTY that may be redrawn: not `TERM=dumb`, not a continuous-integration log, and of a known
   *  width (a pseudo-terminal may have 0 columns, in which ora would loop for ever). */
  readonly animated: boolean;
  /** Columns; 80 where unknown. */
  readonly width: number;
}

/** The part of a stream that is asked; tests pass a plain object. */
export interface TerminalStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

type Env = Readonly<Record<string, string | undefined>>;

const DEFAULT_WIDTH = 80;

/** Colour: `--no-color` or NO_COLOR (any non-empty value) > FORCE_COLOR > a TTY that is not dumb.
 *  @see https://no-color.org and https://force-color.org */
export function detectTerminal(stream: TerminalStream, env: Env, noColor = false): Terminal {
  const isTty = stream.isTTY === true;
  const capable = isTty && env["TERM"] !== "dumb";
  return {
    isTty,
    color: wantsColor(env, noColor, capable),
    animated: capable && Boolean(stream.columns) && !isCi(env),
    width: stream.columns || Number(env["COLUMNS"]) || DEFAULT_WIDTH,
  };
}

function wantsColor(env: Env, noColor: boolean, capable: boolean): boolean {
  if (noColor || env["NO_COLOR"]) return false;
  const force = env["FORCE_COLOR"];
  if (force) return force !== "0" && force !== "false";
  return capable;
}

function isCi(env: Env): boolean {
  const ci = env["CI"];
  return ci !== undefined && ci !== "" && ci !== "0" && ci !== "false";
}
