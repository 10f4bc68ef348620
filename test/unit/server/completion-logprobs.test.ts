import { describe, expect, it } from "vitest";
import { LogprobsList } from "../../../src/server/openai/completion-logprobs.ts";

/** A vocabulary of bytes: the id is the byte. */
const BYTES = {
  dropsLeadingSpace: false,
  pieceBytes: (id: number) => Uint8Array.of(id),
  decode: (ids: Iterable<number>) => new TextDecoder().decode(Uint8Array.from(ids)),
};
const HALF = "\ufffd";

/** Log-probabilities of bytes, with those of alternatives. */
function scored(text: string, top: readonly [number, number][] = []) {
  return [...Buffer.from(text)].map((id) => ({
    id,
    text: BYTES.decode([id]),
    logprob: -id,
    top: top.map(([token, logprob]) => ({
      id: token,
      token,
      text: BYTES.decode([token]),
      logprob,
    })),
  }));
}

describe("log-probabilities of completions", () => {
  it("say in characters where tokens stand, those of a part of one where it begins", () => {
    const list = new LogprobsList(BYTES, "\u{1f600}!");
    const ids = Int32Array.from(Buffer.from("\u{1f600}!"));
    const scores = scored("\u{1f600}!").slice(1);
    expect(list.prompt(ids, scores).text_offset).toEqual([0, 0, 0, 0, 1]);
    expect(list.generated(scored("\u00e9")).text_offset).toEqual([2, 2]);
    expect(list.generated(scored("ab")).text_offset).toEqual([3, 4]);
    expect(list.all).toEqual({
      tokens: [HALF, HALF, HALF, HALF, "!", HALF, HALF, "a", "b"],
      token_logprobs: [null, ...scores.map(({ logprob }) => logprob), -0xc3, -0xa9, -97, -98],
      top_logprobs: expect.arrayContaining([null, { "!": -33 }, { a: -97 }]),
      text_offset: [0, 0, 0, 0, 1, 2, 2, 3, 4],
    });
  });

  it("have the token itself beside the likeliest, and of those that look alike the likelier", () => {
    const list = new LogprobsList(BYTES, "");
    const top: [number, number][] = [
      [0xf0, -1],
      [0x62, -2],
      [0xf1, -3],
    ];
    expect(list.generated(scored("a", top)).top_logprobs).toEqual([{ [HALF]: -1, b: -2, a: -97 }]);
    expect(list.generated(scored("b", top)).top_logprobs).toEqual([{ [HALF]: -1, b: -2 }]);
  });

  it("are nothing where nobody asked", () => {
    expect(new LogprobsList(BYTES, "a").all).toBeNull();
  });
});
