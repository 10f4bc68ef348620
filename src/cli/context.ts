import type { Output } from "../ui/output.ts";
import type { Ui } from "../ui/ui.ts";
import type { Origins } from "./settings.ts";

/** What a command gets beside its options. */
export interface Context {
  /** Standard error: messages, spinner, progress. */
  readonly ui: Ui;
  /** Standard output: the result. */
  readonly out: Output;
  readonly stdin: NodeJS.ReadStream;
  /** Aborts at Ctrl-C, at SIGTERM and when nobody reads the output any more. */
  readonly signal: AbortSignal;
  /** Where each option's value comes from. */
  readonly origins: Origins;
  /** The help of this command, for when it was called with too little. */
  readonly help: () => string;
}
