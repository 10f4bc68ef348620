/**
 * @typedef {{ title: string, advice: string, retryAfter?: number | undefined }} Problem
 * @typedef {{ message?: string | undefined, kind?: string | undefined, code?: string | undefined }} Details
 */

/** The server answered, but with an error. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {Details & { retryAfter?: number | undefined }} details
   */
  constructor(status, { message, kind, code, retryAfter }) {
    super(message || `the server answered ${status}`);
    this.name = "ApiError";
    this.status = status;
    this.kind = kind;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** The server cannot be reached, or the connection broke. */
export class ConnectionError extends Error {
  /** @param {unknown} cause */
  constructor(cause) {
    super("the server cannot be reached", { cause });
    this.name = "ConnectionError";
  }
}

/**
 * The error that an answer stands for.
 * @param {Response} response
 */
export async function errorOf(response) {
  const seconds = Number(response.headers.get("retry-after"));
  const retryAfter = Number.isFinite(seconds) && seconds > 0 ? seconds : undefined;
  const body = await response.json().catch(() => undefined);
  return new ApiError(response.status, { ...detailsOf(body), retryAfter });
}

/**
 * What a body in the shape of OpenAI's errors says.
 * @param {any} body
 * @returns {Details}
 */
export function detailsOf(body) {
  const error = body?.error;
  const text = (/** @type {unknown} */ value) => (typeof value === "string" ? value : undefined);
  return {
    message: text(error?.message),
    kind: text(error?.error_code),
    code: text(error?.code),
  };
}

/**
 * What went wrong and what to do about it, in words for a person.
 * @param {unknown} error
 * @returns {Problem}
 */
export function explain(error) {
  if (error instanceof ConnectionError) {
    return {
      title: "The server went away",
      advice:
        "The page reconnects by itself. If it stays like this, see whether `bitnet serve` still runs.",
    };
  }
  if (error instanceof ApiError) return explainAnswer(error);
  return { title: "Something went wrong in this page", advice: String(error) };
}

/** By `code`, by `error_code`, or by status. @type {Readonly<Record<string, (error: ApiError) => Problem>>} */
const EXPLANATIONS = {
  CONTENT_FILTERED: () => ({
    title: "The server's filter did not accept this message",
    advice: "Edit the message and send it again.",
  }),
  RESPONSE_FILTERED: () => ({
    title: "The server's filter stopped this answer",
    advice: "Try again, or ask in another way.",
  }),
  context_length_exceeded: () => ({
    title: "The conversation is too long for the model",
    advice: "Start a new chat, or edit an earlier message and go on from there.",
  }),
  401: () => ({
    title: "This server wants an API key",
    advice: "Enter a key and try again.",
  }),
  413: () => ({
    title: "The message is too long for this server",
    advice: "Shorten it and send it again.",
  }),
  429: ({ retryAfter, message }) => ({
    title: "The server is busy",
    advice: `${sentence(message)} ${retryAfter ? `Try again in ${retryAfter} s.` : "Try again soon."}`,
    retryAfter,
  }),
  503: ({ retryAfter }) => ({
    title: "The server is not ready",
    advice: "It is loading its model or shutting down. Try again soon.",
    retryAfter,
  }),
  504: () => ({
    title: "The answer took too long",
    advice: "Ask for less at once, or lower the maximum of tokens.",
  }),
};

/** @param {ApiError} error @returns {Problem} */
function explainAnswer(error) {
  const names = [error.code ?? "", error.kind ?? "", error.status];
  const known = names.map((name) => EXPLANATIONS[name]).find((one) => one !== undefined);
  if (known) return known(error);
  if (error.status < 500) {
    return { title: "The server did not accept the request", advice: sentence(error.message) };
  }
  return { title: "The server failed to answer", advice: `${sentence(error.message)} Try again.` };
}

/** @param {string} text */
function sentence(text) {
  const trimmed = text.trim();
  return `${trimmed.charAt(0).toUpperCase()}${trimmed.slice(1)}${/[.!?]$/.test(trimmed) ? "" : "."}`;
}
