/** Upper bounds on what a GGUF header may claim. A file beyond one of them is damaged or hostile: the
 *  figures are far above every published model, and keep the cost of a bad file small. */
export const LIMITS = {
  /** The largest known header (a 262 k vocabulary with merges and an embedded tokenizer.json) is
   *  about 50 MB. The header is held in memory while it is read. */
  headerBytes: 256 * 1024 * 1024,
  /** Published files have 20 to 60 pairs. */
  pairs: 65_536,
  /** Mixture-of-experts models with one tensor per expert reach some ten thousand. */
  tensors: 131_072,
  /** The longest values are embedded tokenizer.json files, about 35 MB. */
  stringBytes: 64 * 1024 * 1024,
  /** The GGUF specification's own bound on a key. */
  keyBytes: 65_535,
  /** ggml stores names in 64 bytes; forks have raised that to 128. */
  nameBytes: 255,
  /** Over all arrays together; a 262 k vocabulary with scores, types and merges has 1.4 million.
   *  Every item costs 8 bytes of memory or more, even where it took one byte in the file. */
  arrayItems: 8 * 1024 * 1024,
  /** ggml's GGML_MAX_DIMS. */
  dims: 4,
  /** No page size or block device asks for more. */
  alignment: 1024 * 1024,
} as const;
