import { createHmac, randomBytes } from "node:crypto";
import { isIPv6 } from "node:net";

const SALT_BYTES = 32;
const HASH_CHARS = 16;

/** Turns what identifies a client into something that does not, but is the same for the same client as
 *  long as the salt is. */
export class ClientIds {
  readonly #salt: string | Buffer;

  /** @param salt  default: one of this process, so that nothing leads from one run to the next */
  constructor(salt?: string | undefined) {
    this.#salt = salt ?? randomBytes(SALT_BYTES);
  }

  hash(client: string): string {
    return createHmac("sha256", this.#salt).update(client).digest("hex").slice(0, HASH_CHARS);
  }
}

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
const NETWORK_GROUPS = 4;

/** Whom an address stands for: an IPv4 address as such, of an IPv6 address the network (/64), of which
 *  one client has all addresses. */
export function networkOf(address: string): string {
  const mapped = MAPPED.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const plain = address.split("%")[0] ?? "";
  if (!isIPv6(plain)) return address;
  const [head = "", tail] = plain.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail ? tail.split(":") : [];
  const gap = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array.from({ length: gap }, () => "0"), ...after];
  const network = groups.slice(0, NETWORK_GROUPS).map((group) => Number.parseInt(group, 16));
  return `${network.map((group) => group.toString(16)).join(":")}::/64`;
}
