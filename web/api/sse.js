/**
 * The data of server-sent events, one by one as they come.
 * @param {ReadableStream<Uint8Array>} body
 * @returns {AsyncGenerator<string, void, undefined>}
 */
export async function* eventsOf(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let held = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      held += done ? decoder.decode() : decoder.decode(value, { stream: true });
      const parts = held.split(/\r?\n\r?\n/);
      held = parts.pop() ?? "";
      for (const part of parts) yield* dataOf(part);
      if (done) return;
    }
  } finally {
    // A reader that is left early frees the server's place at once.
    await reader.cancel().catch(() => undefined);
  }
}

/** @param {string} event @returns {Generator<string, void, undefined>} */
function* dataOf(event) {
  const lines = event.split(/\r?\n/).filter((line) => line.startsWith("data:"));
  if (lines.length > 0) yield lines.map((line) => line.slice(5).replace(/^ /, "")).join("\n");
}
