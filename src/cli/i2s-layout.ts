import { I2S_LAYOUTS, type I2sLayout } from "../checkpoint/encodings.ts";
import type { ModelSource } from "../checkpoint/source.ts";

export type I2sLayoutName = keyof typeof I2S_LAYOUTS;
export const I2S_LAYOUT_NAMES = Object.keys(I2S_LAYOUTS) as readonly I2sLayoutName[];

/** `--i2s-layout` in the words of the encodings table; undefined: as the file says. */
export function i2sLayout(name: I2sLayoutName | undefined): I2sLayout | undefined {
  return name === undefined ? undefined : I2S_LAYOUTS[name];
}

/** The layout in which the I2_S weights of a model are read; undefined when it has none. */
export function layoutOf({ tensors }: ModelSource): I2sLayoutName | undefined {
  return I2S_LAYOUT_NAMES.find((name) =>
    tensors.some(({ encoding }) => encoding === I2S_LAYOUTS[name]),
  );
}
