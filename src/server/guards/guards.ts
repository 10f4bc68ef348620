import type { FastifyInstance } from "fastify";
import type { ApiKeys } from "./api-keys.ts";
import { addAuthentication } from "./authentication.ts";
import { addInputFilter, type InputFilter } from "./content-filter.ts";
import { addHostCheck } from "./host-check.ts";
import { addLengthLimits, type LengthLimits } from "./length-limits.ts";
import {
  addAddressLimit,
  addClientLimit,
  addMonitoringLimit,
  type RateLimits,
} from "./rate-limit.ts";

/** What protects a server. */
export interface Guards {
  /** Undefined: everyone may ask. */
  readonly keys?: ApiKeys | undefined;
  /** Names that the server goes by; undefined: any. See `addHostCheck`. */
  readonly hosts?: readonly string[] | undefined;
  readonly rates: RateLimits;
  readonly lengths: LengthLimits;
  readonly input?: InputFilter | undefined;
}

/** Puts the guards in front of all routes that are added later, the cheapest first: what they refuse
 *  has not been read yet. */
export function addGuards(app: FastifyInstance, guards: Guards): void {
  if (guards.hosts) addHostCheck(app, guards.hosts);
  addMonitoringLimit(app, guards.rates);
  const onGuess = addAddressLimit(app, guards.rates);
  if (guards.keys) addAuthentication(app, guards.keys, onGuess);
  addClientLimit(app, guards.rates);
  addLengthLimits(app, guards.lengths);
  if (guards.input) addInputFilter(app, guards.input);
}
