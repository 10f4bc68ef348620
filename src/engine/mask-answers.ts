import { UsageError } from "../errors.ts";
import type { AddonSequence, GenerateResult } from "./binding.ts";
import { type Constraint, type TokenMask, tokenSet } from "./constraint.ts";

export interface MaskSource {
  readonly constraint?: Constraint | undefined;
  readonly mask?: ((generated: readonly number[]) => Iterable<number>) | undefined;
}

/** Answers one generation's questions for the tokens that may come next. */
export class MaskAnswers {
  readonly #native: AddonSequence;
  readonly #generated: readonly number[];
  readonly #mask: MaskSource["mask"];
  readonly #constrained: TokenMask | undefined;
  #failure: { readonly cause: unknown } | undefined;
  #isClosed = false;

  /** @param generated  the tokens so far, which grow */
  constructor(
    native: AddonSequence,
    generated: readonly number[],
    { constraint, mask }: MaskSource,
    stopTokens: Iterable<number>,
  ) {
    if (constraint && mask) throw new UsageError("constraint and mask exclude one another");
    this.#native = native;
    this.#generated = generated;
    this.#mask = mask;
    this.#constrained = constraint?.start(stopTokens);
  }

  /** Answers once the mask is there; one that fails cancels the generation. */
  answer(step: number): void {
    this.#allowed()
      .then((allowed) => {
        // A later generation of the same sequence counts its steps from 0 again.
        if (!this.#isClosed) this.#native.setMask(step, allowed);
      })
      .catch((cause) => {
        if (this.#isClosed) return;
        this.#failure = { cause };
        this.#cancel();
      });
  }

  #cancel(): void {
    try {
      this.#native.cancel();
    } catch {
      // closed meanwhile, and thereby cancelled
    }
  }

  /** What became of it.
   *  @throws what a mask threw */
  async finish(result: GenerateResult): Promise<GenerateResult & { readonly complete?: boolean }> {
    if (this.#failure) throw this.#failure.cause;
    if (!this.#constrained) return result;
    const { finishReason } = result;
    const complete =
      finishReason === "stop" ||
      (finishReason !== "cancelled" && (await this.#constrained.isWhole(this.#generated)));
    return { ...result, complete };
  }

  close(): void {
    this.#isClosed = true;
    this.#constrained?.close();
  }

  async #allowed(): Promise<Uint32Array> {
    if (!this.#constrained) return tokenSet(this.#mask?.(this.#generated) ?? []);
    const words = await this.#constrained.next(this.#generated);
    if (words.length === 0) throw new RangeError("a constraint gave no mask");
    return words;
  }
}
