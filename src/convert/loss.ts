import type { ConversionLoss } from "../engine/binding.ts";

/** What a conversion could not keep, over all tensors. */
export interface LossReport extends ConversionLoss {
  /** Tensors that lost something. */
  readonly tensors: number;
  /** The one with the largest relative change. */
  readonly worst: string;
}

export const NO_LOSS: ConversionLoss = {
  scalesRounded: 0,
  scalesMerged: 0,
  weightsRounded: 0,
  maxRelative: 0,
};

export function addLoss(a: ConversionLoss, b: ConversionLoss): ConversionLoss {
  return {
    scalesRounded: a.scalesRounded + b.scalesRounded,
    scalesMerged: a.scalesMerged + b.scalesMerged,
    weightsRounded: a.weightsRounded + b.weightsRounded,
    maxRelative: Math.max(a.maxRelative, b.maxRelative),
  };
}

export function isLoss({ scalesRounded, scalesMerged, weightsRounded }: ConversionLoss): boolean {
  return scalesRounded + scalesMerged + weightsRounded > 0;
}

/** Gathers the losses of tensors; undefined when nothing was lost. */
export class LossTally {
  #report: LossReport | undefined;

  add(tensor: string, loss: ConversionLoss): void {
    if (!isLoss(loss)) return;
    const before = this.#report ?? { ...NO_LOSS, tensors: 0, worst: tensor };
    const worst = loss.maxRelative > before.maxRelative ? tensor : before.worst;
    this.#report = { ...addLoss(before, loss), tensors: before.tensors + 1, worst };
  }

  get report(): LossReport | undefined {
    return this.#report;
  }
}

/** One line on a loss: what, how much, and where most. */
export function describeLoss(report: LossReport): string {
  const parts = [
    count(report.scalesRounded, "scale", "rounded"),
    count(report.scalesMerged, "scale", "replaced by another"),
    count(report.weightsRounded, "weight", "rounded"),
  ].filter((part) => part !== "");
  const tensors = `${report.tensors} tensor${report.tensors === 1 ? "" : "s"}`;
  const change = report.maxRelative.toPrecision(2);
  return `${parts.join(", ")} in ${tensors}; relative change up to ${change} (${report.worst})`;
}

function count(n: number, what: string, verb: string): string {
  return n === 0 ? "" : `${n} ${what}${n === 1 ? "" : "s"} ${verb}`;
}
