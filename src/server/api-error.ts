/** What can be wrong with a request, with its HTTP status and OpenAI's `type`. The keys are the
 *  `error_code` of answers. */
const KINDS = {
  INVALID_INPUT: { status: 400, type: "invalid_request_error" },
  CONTENT_FILTERED: { status: 400, type: "invalid_request_error" },
  RESPONSE_FILTERED: { status: 400, type: "invalid_request_error" },
  UNAUTHORIZED: { status: 401, type: "authentication_error" },
  FORBIDDEN: { status: 403, type: "permission_error" },
  NOT_FOUND: { status: 404, type: "invalid_request_error" },
  RATE_LIMIT_EXCEEDED: { status: 429, type: "rate_limit_error" },
  QUEUE_FULL: { status: 429, type: "rate_limit_error" },
  GENERATION_ERROR: { status: 500, type: "server_error" },
  UNAVAILABLE: { status: 503, type: "server_error" },
  TIMEOUT: { status: 504, type: "server_error" },
} as const;

export type ErrorKind = keyof typeof KINDS;

export interface ApiErrorDetails {
  /** Where the kind's own is not exact enough (413, 415). */
  readonly status?: number | undefined;
  /** OpenAI's `code`. Default: the kind in lower case. */
  readonly code?: string | undefined;
  /** Field of the request that is to blame: `messages[0].role`. */
  readonly param?: string | undefined;
  /** Whole seconds after which another try may succeed. */
  readonly retryAfterS?: number | undefined;
  readonly cause?: unknown;
}

/** The JSON of an answer that is an error: OpenAI's fields, `error_code` and, with 429 and 503,
 *  `retry_after`. */
export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
    readonly error_code: ErrorKind;
    readonly retry_after?: number;
  };
}

/** A request that gets no answer, or none to its end. Its message is for the client. */
export class ApiError extends Error {
  readonly kind: ErrorKind;
  readonly status: number;
  readonly code: string;
  readonly param: string | undefined;
  readonly retryAfterS: number | undefined;

  constructor(kind: ErrorKind, message: string, details: ApiErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "ApiError";
    this.kind = kind;
    this.status = details.status ?? KINDS[kind].status;
    this.code = details.code ?? kind.toLowerCase();
    this.param = details.param;
    this.retryAfterS = details.retryAfterS;
  }

  /** Whether it is the server that is to blame. */
  get isFault(): boolean {
    return this.kind === "GENERATION_ERROR";
  }

  body(): ErrorBody {
    const { kind, message, code, param, retryAfterS } = this;
    return {
      error: {
        message,
        type: KINDS[kind].type,
        param: param ?? null,
        code,
        error_code: kind,
        ...(retryAfterS !== undefined && { retry_after: retryAfterS }),
      },
    };
  }
}
