/** Every failure that a user can cause or mend. `main` prints message and hint; anything that is
 *  not a BitnetError is a bug. */
export abstract class BitnetError extends Error {
  abstract readonly code: string;
  /** Process exit status of the command line. */
  abstract readonly exitCode: number;
  /** What to do next, as a command or one sentence. */
  readonly hint: string | undefined;

  constructor(message: string, options: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.hint = options.hint;
  }
}

/** An unknown flag, a bad value, or flags that exclude one another. */
export class UsageError extends BitnetError {
  readonly code = "E_USAGE";
  readonly exitCode = 2;
}

/** A configuration file that cannot be used: names path, key, what was expected and what was found. */
export class ConfigError extends BitnetError {
  readonly code = "E_CONFIG";
  readonly exitCode = 2;
}

/** A file, repository or revision that is missing or cannot be read. */
export class NotFoundError extends BitnetError {
  readonly code = "E_NOT_FOUND";
  readonly exitCode = 3;
}

/** A model file that breaks its format; the message names the field and, where known, the offset. */
export class ModelFormatError extends BitnetError {
  readonly code = "E_MODEL_FORMAT";
  readonly exitCode = 4;
}

/** A model family, tensor type, CPU or Node version that this build does not support. */
export class UnsupportedError extends BitnetError {
  readonly code = "E_UNSUPPORTED";
  readonly exitCode = 5;
}

/** A request that failed after its retries. */
export class NetworkError extends BitnetError {
  readonly code = "E_NETWORK";
  readonly exitCode = 6;
}

/** Too little memory, disk or context window: the message says needed and available. */
export class ResourceError extends BitnetError {
  readonly code = "E_RESOURCE";
  readonly exitCode = 7;
}

/** The native addon cannot be loaded or broke its contract. */
export class AddonError extends BitnetError {
  readonly code = "E_ADDON";
  readonly exitCode = 8;
}

/** The user or the caller stopped the work. */
export class CancelledError extends BitnetError {
  readonly code = "E_CANCELLED";
  readonly exitCode: number;

  constructor(message = "cancelled", exitCode = 130) {
    super(message);
    this.exitCode = exitCode;
  }
}

const NATIVE_ERRORS = {
  E_USAGE: UsageError,
  E_NOT_FOUND: NotFoundError,
  E_MODEL_FORMAT: ModelFormatError,
  E_UNSUPPORTED: UnsupportedError,
  E_RESOURCE: ResourceError,
} as const;

/** Turns an error that native code threw (with `code` and `hint` properties) into ours. */
export function fromNative(error: unknown): Error {
  if (!(error instanceof Error)) return new AddonError(String(error));
  const { code, hint } = error as Error & { code?: string; hint?: string };
  if (code === "E_CANCELLED") return new CancelledError(error.message);
  const type = NATIVE_ERRORS[code as keyof typeof NATIVE_ERRORS];
  return type ? new type(error.message, { hint, cause: error }) : error;
}
