import { Output } from "./output.ts";
import { detectTerminal } from "./terminal.ts";
import { type Level, Ui } from "./ui.ts";

/** The three standard streams, dressed. */
export interface Streams {
  readonly ui: Ui;
  readonly out: Output;
  readonly stdin: NodeJS.ReadStream;
}

export interface StreamOptions {
  readonly level: Level;
  readonly noColor: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Standard output cannot be written any more. */
  readonly onOutputLost: (error: NodeJS.ErrnoException) => void;
}

/** The only place that touches the process's own streams. Colour is decided per stream. */
export function openStreams({ level, noColor, env, onOutputLost }: StreamOptions): Streams {
  const { stdin, stdout, stderr } = process;
  return {
    ui: new Ui(stderr, detectTerminal(stderr, env, noColor), level),
    out: new Output(stdout, detectTerminal(stdout, env, noColor), onOutputLost),
    stdin,
  };
}
