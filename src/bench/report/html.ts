import type { BenchReport } from "./document.ts";
export function htmlReport(report: BenchReport): string {
  return JSON.stringify(report);
}
