/** What `doctor` found about one thing, as its JSON has it. Fields are only ever added. */
export interface Finding {
  /** A name that does not change: `node`, `kernel.avx2`, `model.PATH`. */
  readonly check: string;
  /** broken: something will not work. warning: it works less well than it could. */
  readonly status: "ok" | "warning" | "broken" | "skipped";
  /** What is so, in one line; for skipped, why. */
  readonly message: string;
  /** What mends it: a command, where there is one. */
  readonly fix?: string;
}

export function ok(check: string, message: string): Finding {
  return { check, status: "ok", message };
}

export function warning(check: string, message: string, fix: string): Finding {
  return { check, status: "warning", message, fix };
}

export function broken(check: string, message: string, fix: string): Finding {
  return { check, status: "broken", message, fix };
}

export function skipped(check: string, message: string, fix?: string): Finding {
  return { check, status: "skipped", message, ...(fix === undefined ? {} : { fix }) };
}
