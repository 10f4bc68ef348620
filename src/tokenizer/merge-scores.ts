import type { Merge } from "./merge-table.ts";
import { characterLength } from "./symbols.ts";
import { TOKEN_KIND } from "./token-kind.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Scores of tokens that no merge yields, as Microsoft's converter has them. */
const OTHER_SCORES: Readonly<Record<number, number>> = {
  [TOKEN_KIND.byte]: 0,
  [TOKEN_KIND.unused]: -10_000,
  [TOKEN_KIND.control]: -1000,
  [TOKEN_KIND.unknown]: -1000,
  [TOKEN_KIND.userDefined]: -1000,
};

export interface MergeScores {
  /** By id: minus the rank of the first merge that yields the token. */
  readonly scores: number[];
  /** Merging by scores gives what the merges give. */
  readonly areExact: boolean;
}

/** Turns ranked merges into scores, for formats that know no others.
 *
 *  Scores say which tokens are merged first, but allow every pair that makes a token. So the merges must
 *  hold all such pairs, and those of one token must follow one another. Runs of one character are excepted
 *  (Gemma's of spaces): whatever the order, the longest is built up from the left. This holds for
 *  files that were made from SentencePiece models; what was trained as ranked merges fails it. */
export function scoresOfMerges(vocabulary: Vocabulary, merges: readonly Merge[]): MergeScores {
  const scores = Array.from({ length: vocabulary.size }, (_, id) => {
    return OTHER_SCORES[vocabulary.kind(id)] ?? -merges.length;
  });
  const counts = new Uint32Array(vocabulary.size);
  let areExact = true;
  let last = -1;
  for (let rank = 0; rank < merges.length; rank++) {
    const text = resultOf(merges[rank] as Merge);
    const id = vocabulary.findText(text);
    if (id < 0) continue;
    if (counts[id] === 0) scores[id] = 0 - rank;
    else if (id !== last) areExact &&= isRun(text);
    counts[id] = (counts[id] as number) + 1;
    last = id;
  }
  for (let id = 0; areExact && id < counts.length; id++) {
    // Added tokens that no merge yields are found by their spelling, before there is any merging.
    const isAdded = vocabulary.kind(id) === TOKEN_KIND.userDefined && counts[id] === 0;
    areExact = isAdded || counts[id] === countSplits(vocabulary, id);
  }
  return { scores, areExact };
}

/** In how many ways a token is two others. */
function countSplits(vocabulary: Vocabulary, id: number): number {
  if (!vocabulary.isMergeable(id)) return 0;
  const bytes = vocabulary.bytes(id);
  const end = bytes.length;
  let count = 0;
  for (let at = characterLength(bytes[0] as number); at < end; ) {
    if (vocabulary.find(bytes, 0, at) >= 0 && vocabulary.find(bytes, at, end) >= 0) count++;
    at += characterLength(bytes[at] as number);
  }
  return count;
}

function resultOf(merge: Merge): string {
  return typeof merge === "string" ? merge.replace(" ", "") : merge[0] + merge[1];
}

function isRun(text: string): boolean {
  return text === (text[0] ?? "").repeat(text.length);
}
