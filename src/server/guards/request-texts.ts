/** Every text of a request's body, wherever it stands: what clients send in an unusual place can
 *  reach the model, too. Names of fields are among them, since templates print those of tools.
 *    decode  the text of token ids, where a prompt is given as such */
export function* requestTexts(
  body: unknown,
  decode?: ((ids: readonly number[]) => string) | undefined,
): Generator<string> {
  if (typeof body === "string") yield body;
  if (typeof body !== "object" || body === null) return;
  if (Array.isArray(body)) {
    if (decode && isTokenIds(body)) yield decode(body);
    else for (const item of body) yield* requestTexts(item, decode);
    return;
  }
  for (const [name, value] of Object.entries(body)) {
    yield name;
    yield* requestTexts(value, decode);
  }
}

/** Texts of the body's values alone, which is what its length is measured by. */
export function countCharacters(body: unknown): number {
  if (typeof body === "string") return body.length;
  if (typeof body !== "object" || body === null) return 0;
  return Object.values(body).reduce((sum: number, value) => sum + countCharacters(value), 0);
}

function isTokenIds(list: readonly unknown[]): list is readonly number[] {
  return list.length > 0 && list.every((id) => Number.isSafeInteger(id) && (id as number) >= 0);
}
