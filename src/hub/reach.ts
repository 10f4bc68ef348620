import { NetworkError } from "../errors.ts";
import type { HubAccess } from "./http.ts";

const TIMEOUT_MS = 8000;

/** Failures of a machine that is not on the network at all. */
const OFFLINE: ReadonlySet<string> = new Set(["ENOTFOUND", "EAI_AGAIN", "ENETUNREACH", "ENETDOWN"]);

export type Reach =
  | { readonly state: "reached"; readonly ms: number }
  | { readonly state: "offline" | "failed"; readonly reason: string };

/** Asks the hub for as little as it can be asked for, once. */
export async function reachHub(
  { endpoint, token }: HubAccess,
  signal: AbortSignal,
): Promise<Reach> {
  const startedAt = performance.now();
  const deadline = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await fetch(`${endpoint}/api/${token ? "whoami-v2" : "models?limit=1"}`, {
      signal: AbortSignal.any([signal, deadline]),
      headers: token ? { authorization: `Bearer ${token}` } : {},
    });
    await response.body?.cancel();
    if (response.ok) return { state: "reached", ms: performance.now() - startedAt };
    if (response.status === 401 && token) throw new NetworkError("the token is not valid");
    throw new NetworkError(`HTTP ${response.status}`);
  } catch (error) {
    signal.throwIfAborted();
    if (deadline.aborted)
      return { state: "failed", reason: `no answer for ${TIMEOUT_MS / 1000} s` };
    const { code, message } = innermost(error);
    const offline = code !== undefined && OFFLINE.has(code);
    return { state: offline ? "offline" : "failed", reason: message || code || "no connection" };
  }
}

/** `fetch failed` says nothing; its cause does. */
function innermost(error: unknown): {
  readonly code: string | undefined;
  readonly message: string;
} {
  let at = error;
  while (at instanceof Error && at.cause instanceof Error) at = at.cause;
  if (!(at instanceof Error)) return { code: undefined, message: String(error) };
  return { code: (at as NodeJS.ErrnoException).code, message: at.message };
}
