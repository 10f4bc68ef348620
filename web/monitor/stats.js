/**
 * What `/v1/stats` answers, as far as it is shown. Times are seconds since 1970; what was not there to
 * be measured is null.
 * @typedef {object} Snapshot
 * @property {number} time
 * @property {number} rss_bytes
 * @property {number} cpu_percent
 * @property {number} tokens_per_second
 * @property {number} active
 * @property {number} queued
 * @property {number | null} error_rate
 * @property {number | null} cache_hit_rate
 * @property {Record<"first_token_p50" | "first_token_p95" | "inter_token_p50" | "inter_token_p95"
 *   | "request_p50" | "request_p95", number | null>} latency_ms
 * @property {number | null} watts
 *
 * @typedef {{ count: number, p50: number | null, p95: number | null }} Latency
 *
 * @typedef {object} Alert
 * @property {number} id
 * @property {string} severity
 * @property {string} message
 * @property {number} started
 * @property {number | null} recovered
 *
 * @typedef {object} Stats
 * @property {number} time
 * @property {number} window_seconds
 * @property {number} uptime_seconds
 * @property {number} places
 * @property {Snapshot | null} now
 * @property {{
 *   requests: { total: number },
 *   error_rate: number | null,
 *   cache_hit_rate: number | null,
 *   tokens: { generated: number },
 *   latency_ms: { first_token: Latency, inter_token: Latency },
 *   memory: { rss_bytes_max: number | null },
 *   energy: { joules_per_token: number | null } | null }} summary
 * @property {{ clients: number, requests: number, blocked: number, blocked_by_code: Record<string, number> }} security
 * @property {Alert[]} alerts
 * @property {Snapshot[]} snapshots
 */

import { bytes, counted, digits, duration, percent, plain } from "../lib/format.js";

/**
 * @typedef {{ name: string, of: (snapshot: Snapshot) => number | null }} Series
 * @typedef {{ title: string, format: (value: number) => string, least: number, series: Series[] }} ChartSpec
 *   `least`: what the axis reaches at any rate
 */

/** @type {readonly ChartSpec[]} */
export const CHARTS = [
  {
    ...{ title: "Tokens per second", format: plain, least: 1 },
    series: [{ name: "generated", of: (one) => one.tokens_per_second }],
  },
  {
    ...{ title: "Requests", format: plain, least: 1 },
    series: [
      { name: "being answered", of: (one) => one.active },
      { name: "waiting", of: (one) => one.queued },
    ],
  },
  {
    ...{ title: "Time to the first token", format: duration, least: 10 },
    series: [
      { name: "half are below", of: (one) => one.latency_ms.first_token_p50 },
      { name: "95 % are below", of: (one) => one.latency_ms.first_token_p95 },
    ],
  },
  {
    ...{ title: "Time between tokens", format: duration, least: 10 },
    series: [
      { name: "half are below", of: (one) => one.latency_ms.inter_token_p50 },
      { name: "95 % are below", of: (one) => one.latency_ms.inter_token_p95 },
    ],
  },
  {
    ...{ title: "Memory", format: bytes, least: 1e6 },
    series: [{ name: "of the process", of: (one) => one.rss_bytes }],
  },
  {
    ...{ title: "CPU", format: (value) => `${plain(value)} %`, least: 100 },
    series: [{ name: "of the machine", of: (one) => one.cpu_percent }],
  },
  {
    ...{ title: "Shares", format: percent, least: 1 },
    series: [
      { name: "prompt tokens known from before", of: (one) => one.cache_hit_rate },
      { name: "failed requests", of: (one) => one.error_rate },
    ],
  },
  {
    ...{ title: "Power", format: (value) => `${plain(value)} W`, least: 1 },
    series: [{ name: "of the machine", of: (one) => one.watts }],
  },
];

const NOTHING = "\u2013";

/**
 * The figures on top: a value, what it is, and what belongs to it.
 * @param {Stats} stats
 * @returns {{ value: string, name: string, note: string }[]}
 */
export function tilesOf({ now, summary, places }) {
  const { latency_ms: latency, requests, tokens, memory, energy } = summary;
  const maybe = (
    /** @type {number | null | undefined} */ value,
    /** @type {(value: number) => string} */ format,
  ) => (value === null || value === undefined ? NOTHING : format(value));
  const perToken = energy?.joules_per_token;
  return [
    {
      value: maybe(now?.tokens_per_second, digits),
      name: "tokens per second",
      note: `${counted(tokens.generated, "token")} in this time`,
    },
    {
      value: maybe(now?.active, plain),
      name: "being answered",
      note: `${maybe(now?.queued, plain)} waiting, ${counted(places, "place")}`,
    },
    {
      value: maybe(latency.first_token.p50, duration),
      name: "to the first token",
      note: `95 % below ${maybe(latency.first_token.p95, duration)}`,
    },
    {
      value: maybe(latency.inter_token.p50, duration),
      name: "between tokens",
      note: `95 % below ${maybe(latency.inter_token.p95, duration)}`,
    },
    {
      value: maybe(now?.rss_bytes, bytes),
      name: "memory",
      note: `${maybe(memory.rss_bytes_max, bytes)} at most`,
    },
    {
      value: maybe(now?.cpu_percent, (value) => `${plain(value)} %`),
      name: "CPU",
      note: perToken ? `${digits(perToken)} J per token` : "of the whole machine",
    },
    {
      value: maybe(summary.error_rate, percent),
      name: "failed",
      note: `of ${counted(requests.total, "request")}`,
    },
    {
      value: maybe(summary.cache_hit_rate, percent),
      name: "of prompts known",
      note: "from earlier requests",
    },
  ];
}
