import type { Message } from "./messages.ts";
import type { KnownBeginning } from "./template.ts";

/** A question and its answer. */
export interface Turn {
  readonly user: string;
  readonly assistant: string;
}

/** What a prompt must fit into, in tokens. */
export interface Limits {
  /** Of a prompt that is left as it is. */
  readonly mostTokens: number;
  /** Of a prompt that is longer: its oldest turns go until it is no longer than this, so that the
   *  next questions fit as well and its beginning stays the same for a while. */
  readonly wantedTokens: number;
}

/** Limits of a context window that is to hold an answer besides. An answer may be as long as
 *  `answerTokens` (-1: any length) but counts as a quarter of the window at most. */
export function limitsOf(contextLength: number, answerTokens: number): Limits {
  const quarter = Math.floor(contextLength / 4);
  const answer = answerTokens < 0 ? quarter : Math.min(answerTokens, quarter);
  return { mostTokens: contextLength - answer, wantedTokens: Math.floor(contextLength / 2) };
}

/** A system message and turns, the oldest of which may be left out of what the model sees. */
export class Conversation {
  #system: string | undefined;
  #turns: Turn[];
  /** Turns before this one are left out. */
  #first = 0;
  /** Per turn: the ids up to its end, and the first turn that was in them. */
  #ids: ({ readonly first: number; readonly ids: Int32Array } | undefined)[] = [];

  constructor(system?: string, turns: readonly Turn[] = [], leftOut = 0) {
    this.#system = system;
    this.#turns = [...turns];
    this.#first = Math.min(leftOut, turns.length);
  }

  get system(): string | undefined {
    return this.#system;
  }
  get turns(): readonly Turn[] {
    return this.#turns;
  }
  /** How many of the oldest turns the model does not see. */
  get leftOut(): number {
    return this.#first;
  }

  setSystem(text: string | undefined): void {
    this.#system = text;
    this.#ids = [];
  }

  /** @param ids  token ids of everything that the model saw and said, if they are to be kept */
  add(turn: Turn, ids?: Int32Array): void {
    this.#turns.push(turn);
    if (ids) this.learn(ids);
  }

  /** Takes `ids` for those of everything up to the end of the last turn. */
  learn(ids: Int32Array): void {
    const last = this.#turns.length - 1;
    if (last >= 0) this.#ids[last] = { first: this.#first, ids };
  }

  /** What is known of the ids of `messagesWith`: up to the last answer, or nothing. */
  known(): KnownBeginning | undefined {
    const last = this.#ids[this.#turns.length - 1];
    if (last?.first !== this.#first) return undefined;
    return { messages: this.messagesWith("").length - 1, ids: last.ids };
  }

  /** Takes the last turn back. */
  undo(): Turn | undefined {
    const last = this.#turns.pop();
    this.#ids.length = Math.min(this.#ids.length, this.#turns.length);
    this.#first = Math.min(this.#first, this.#turns.length);
    return last;
  }

  /** Takes all turns back; the system message stays. */
  clear(): void {
    this.#turns = [];
    this.#ids = [];
    this.#first = 0;
  }

  /** What the model is asked to go on from. */
  messagesWith(user: string): readonly Message[] {
    const system: Message[] =
      this.#system === undefined ? [] : [{ role: "system", content: this.#system }];
    const turns = this.#turns.slice(this.#first).flatMap((turn): Message[] => [
      { role: "user", content: turn.user },
      { role: "assistant", content: turn.assistant },
    ]);
    return [...system, ...turns, { role: "user", content: user }];
  }

  /** Leaves out as many of the oldest turns as `tokensOf` the messages says; never the question.
   *  @returns how many more turns are left out now */
  fit(user: string, limits: Limits, tokensOf: (messages: readonly Message[]) => number): number {
    const before = this.#first;
    let limit = limits.mostTokens;
    while (this.#first < this.#turns.length && tokensOf(this.messagesWith(user)) > limit) {
      this.#first++;
      limit = limits.wantedTokens;
    }
    return this.#first - before;
  }

  /** Leaves out the older half of the turns that are left, at least one.
   *  @returns whether there was one */
  shed(): boolean {
    const left = this.#turns.length - this.#first;
    this.#first += Math.ceil(left / 2);
    return left > 0;
  }
}
