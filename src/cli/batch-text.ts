import type { BatchSummary } from "../batch/statistics.ts";
import { formatBytes, formatDuration, formatRate } from "../ui/format.ts";

/** `200 requests: 197 ok, 3 failed, 0 done before; 34.2 s, 5.85 requests/s, ...`. */
export function describeBatch({ requests, timing, peakMemoryBytes }: BatchSummary): string {
  const { total, ok, failed, skipped } = requests;
  const { totalMs, meanMs, requestsPerSecond, generatedTokensPerSecond } = timing;
  const rates = [
    ...(requestsPerSecond === null ? [] : [`${formatRate(requestsPerSecond)} requests/s`]),
    ...(generatedTokensPerSecond === null ? [] : [`${formatRate(generatedTokensPerSecond)} tok/s`]),
    ...(meanMs === null ? [] : [`${formatDuration(meanMs)} each`]),
  ];
  const counts = `${total} requests: ${ok} ok, ${failed} failed, ${skipped} done before`;
  return `${counts}; ${[formatDuration(totalMs), ...rates, `${formatBytes(peakMemoryBytes)} of memory at most`].join(", ")}`;
}
