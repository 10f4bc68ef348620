/** Rows of numbers, the last `capacity` of them, in columns. Its memory is taken at once and never
 *  grows. */
export class RowRing<C extends string> {
  readonly #columns: Readonly<Record<C, Float64Array>>;
  readonly #capacity: number;
  #count = 0;

  constructor(columns: readonly C[], capacity: number) {
    this.#capacity = capacity;
    const entries = columns.map((column) => [column, new Float64Array(capacity)] as const);
    this.#columns = Object.fromEntries(entries) as Record<C, Float64Array>;
  }

  get size(): number {
    return Math.min(this.#count, this.#capacity);
  }

  push(row: Readonly<Record<C, number>>): void {
    const at = this.#count % this.#capacity;
    for (const column of Object.keys(this.#columns) as C[]) this.#columns[column][at] = row[column];
    this.#count += 1;
  }

  /** Of the row that is so many after the oldest; NaN where there is none. */
  get(column: C, index: number): number {
    if (index < 0 || index >= this.size) return Number.NaN;
    return this.#columns[column][(this.#count - this.size + index) % this.#capacity] as number;
  }

  row(index: number): Readonly<Record<C, number>> {
    const columns = Object.keys(this.#columns) as C[];
    const entries = columns.map((column) => [column, this.get(column, index)] as const);
    return Object.fromEntries(entries) as Record<C, number>;
  }
}
