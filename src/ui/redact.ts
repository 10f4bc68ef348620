/** Patterns of secrets that may slip into a message, with what is left of each. */
const SECRETS: ReadonlyArray<readonly [pattern: RegExp, replacement: string]> = [
  [/\bhf_[A-Za-z0-9]{8,}/g, "hf_***"],
  [/\b(bearer|basic)\s+[A-Za-z0-9+/._~=-]{8,}/gi, "$1 ***"],
  [/(:\/\/)[^\s/@:]+:[^\s/@]+@/g, "$1***@"],
  [/([?&](?:token|access_token|api_key|key|signature|x-amz-[a-z-]+)=)[^&\s"']+/gi, "$1***"],
];

/** Masks tokens, credentials in URLs and authorisation headers. */
export function redact(text: string): string {
  let safe = text;
  for (const [pattern, replacement] of SECRETS) safe = safe.replace(pattern, replacement);
  return safe;
}
