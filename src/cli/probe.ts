import { openModelSource } from "../checkpoint/open.ts";
import type { ModelSource } from "../checkpoint/source.ts";
import { Model, type ModelOptions } from "../engine/model.ts";
import { UsageError } from "../errors.ts";
import { fittingLayout } from "../scoring/probe.ts";
import { measureSample } from "../scoring/sample.ts";
import { formatTable } from "../ui/table.ts";
import type { Context } from "./context.ts";
import { I2S_LAYOUT_NAMES, type I2sLayoutName, i2sLayout, layoutOf } from "./i2s-layout.ts";
import type { Section } from "./info-text.ts";

/** What `info --probe --json` prints as `probe`. */
export interface ProbeReport {
  /** The layout in which the file is read without --i2s-layout. */
  readonly setting: I2sLayoutName;
  /** The one that its weights have; null when none stands out. */
  readonly fits: I2sLayoutName | null;
  readonly layouts: readonly {
    readonly layout: I2sLayoutName;
    readonly perplexity: number;
    readonly loss: number;
  }[];
}

/** Measures a text in every layout that a model's I2_S weights may have; only numbers that make sense
 *  tell them apart.
 *  @throws {UsageError} a model without I2_S weights */
export async function probeLayouts(
  { ui, signal }: Context,
  source: ModelSource,
  text: string | undefined,
  options: ModelOptions,
): Promise<ProbeReport> {
  const { path } = source;
  const setting = layoutOf(source);
  if (setting === undefined) {
    throw new UsageError(`${path} holds no I2_S weights: there is nothing to probe`, {
      hint: "weights of all other types have one layout",
    });
  }
  const layouts: ProbeReport["layouts"][number][] = [];
  let vocabSize = 0;
  for (const layout of I2S_LAYOUT_NAMES) {
    signal.throwIfAborted();
    const read = await openModelSource(path, { i2sLayout: i2sLayout(layout) });
    const measure = async (onProgress: ModelOptions["onProgress"]) => {
      const model = await Model.load(read, { ...options, headCopy: false, onProgress });
      vocabSize = model.hparams.vocabSize;
      return measureSample(model, text, signal).finally(() => model.close());
    };
    const found = await ui.progress(`trying ${layout}`, `tried ${layout}`, measure);
    layouts.push({ layout, perplexity: found.perplexity, loss: found.loss });
  }
  return { setting, fits: fittingLayout(layouts, vocabSize) ?? null, layouts };
}

/** Says on standard error what is to be done about a layout. */
export function warnOfLayout({ ui }: Context, path: string, { setting, fits }: ProbeReport): void {
  if (fits === setting) return;
  if (fits === null) {
    ui.warn("no layout stands out: the model may not be trained, or not for such a text");
    ui.hint("give it a text that it should know: --text FILE");
    return;
  }
  ui.warn(`the weights of ${path} have the layout ${fits}, and are read as ${setting}`);
  ui.hint(
    `pass --i2s-layout ${fits}, or mend the file: bitnet convert ${path} --i2s-layout ${fits}`,
  );
}

export function describeProbe({ setting, fits, layouts }: ProbeReport): Section {
  const rows = layouts.map(({ layout, perplexity }) => {
    const marks = [...(layout === fits ? ["fits"] : []), ...(layout === setting ? ["set"] : [])];
    return [layout, perplexity.toPrecision(5), marks.join(", ")];
  });
  const header = ["layout", "perplexity", ""];
  return {
    title: "Layouts of the I2_S weights",
    lines: formatTable([header, ...rows], { header: true }),
  };
}
