/** Greater than every rank. */
export const NO_MERGE = 0x7fffffff;

/** Ranks lie below this. Real vocabularies have up to 515 k merges; bounds the tables, too. */
export const MAX_RANKS = 1 << 22;

/** Which adjacent tokens merge, in what order. */
export interface MergeRules {
  /** Rank of the merge of two tokens, the lowest first; NO_MERGE if they do not merge. */
  rank(left: number, right: number): number;
  /** The token that two tokens whose merge has this rank yield. */
  result(rank: number, left: number, right: number): number;
}
