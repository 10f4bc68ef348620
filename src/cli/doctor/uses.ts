/** What `doctor --recommend` knows to advise for. */
export const USES = ["production", "development", "mobile", "research", "edge", "cloud"] as const;
export type Use = (typeof USES)[number];
