import type { JsonType, Place } from "./node.ts";

/** What all keywords of a schema and of those it joins ask of a value together. Absent means: nothing. */
export interface Flat {
  readonly pointer: string;
  readonly types?: ReadonlySet<JsonType>;
  /** The only values there are. */
  readonly values?: readonly unknown[];
  readonly text: TextBounds;
  readonly number: NumberBounds;
  readonly list: ListBounds;
  readonly fields: FieldBounds;
}

export interface TextBounds {
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: string;
  readonly format?: string;
}

export interface NumberBounds {
  readonly min?: number;
  readonly max?: number;
  /** Bounds that are not reached themselves. */
  readonly above?: number;
  readonly below?: number;
  readonly whole?: true;
}

export interface ListBounds {
  readonly min?: number;
  readonly max?: number;
  readonly first?: readonly Place[];
  /** Of those after the first. */
  readonly items?: Place;
}

export interface FieldBounds {
  readonly named?: ReadonlyMap<string, Place>;
  readonly required?: ReadonlySet<string>;
  /** Of those without a name in `named`; a schema that says nothing of them allows any. */
  readonly others?: Place;
  readonly min?: number;
  readonly max?: number;
}

export const ANYTHING = { text: {}, number: {}, list: {}, fields: {} } as const;
