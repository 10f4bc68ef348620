import { type BitnetError, NetworkError, NotFoundError } from "../errors.ts";

/** An answer that may be another one in a moment. */
class PassingError extends NetworkError {
  readonly retryAfterMs: number | undefined;

  constructor(message: string, retryAfter: number | undefined) {
    super(message);
    this.retryAfterMs = retryAfter;
  }
}

const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

export function isPassing(error: BitnetError): boolean {
  return error instanceof PassingError;
}

/** How long the hub asks to wait. */
export function retryAfterMs(error: unknown): number | undefined {
  return error instanceof PassingError ? error.retryAfterMs : undefined;
}

interface About {
  readonly repo: string;
  /** Whether a token was sent. */
  readonly token: boolean;
}

/** An answer without success as an error of ours. */
export async function refusal(response: Response, about: About): Promise<BitnetError> {
  await response.body?.cancel().catch(() => undefined);
  const { status } = response;
  if (PASSING.has(status)) {
    const wait = parseRetryAfter(response.headers.get("retry-after"));
    const words = status === 429 ? "too many requests (HTTP 429)" : `HTTP ${status}`;
    return new PassingError(words, wait);
  }
  const code = response.headers.get("x-error-code") ?? "";
  return refusalByCode(code, status, about) ?? byStatus(response, about);
}

/** The hub's own words, where it gives them. */
function refusalByCode(code: string, status: number, about: About): BitnetError | undefined {
  const { repo } = about;
  if (code === "GatedRepo") {
    const accept = `accept the conditions at https://huggingface.co/${repo}`;
    return new NotFoundError(`${repo} is gated (HTTP ${status})`, {
      hint: about.token
        ? `${accept}, with the account of your HF_TOKEN`
        : `${accept}, then set HF_TOKEN`,
    });
  }
  if (code === "RevisionNotFound") return new NotFoundError(`${repo} has no such revision`);
  if (code === "EntryNotFound") return new NotFoundError(`${repo} has no such file`);
  return undefined;
}

function byStatus({ status, url }: Response, { repo, token }: About): BitnetError {
  if (status === 401 || status === 403) {
    // The hub answers 401 for repositories that do not exist, too: it does not tell them apart.
    return new NotFoundError(`${repo}: not there, or no access to it (HTTP ${status})`, {
      hint: token
        ? "check the name, and what your HF_TOKEN may read"
        : "check the name; for a private repository set HF_TOKEN",
    });
  }
  if (status === 404) {
    return new NotFoundError(`${repo} is not on the hub (HTTP 404)`, {
      hint: "names are ORG/NAME; `bitnet setup` lists short ones",
    });
  }
  return new NetworkError(`HTTP ${status} from ${url}`);
}

/** Seconds, or a date. */
function parseRetryAfter(text: string | null): number | undefined {
  if (text === null) return undefined;
  const seconds = Number(text);
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(wait) ? Math.max(0, wait) : undefined;
}
