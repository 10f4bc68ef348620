import { isIP } from "node:net";
import type { ValueType } from "../../config/values.ts";
import { parseRate, type RateLimit } from "../../server/guards/rates.ts";
import {
  ALERT_METRICS,
  type AlertRule,
  parseAlertRule,
} from "../../server/monitoring/alert-rules.ts";

export const RATE: ValueType<RateLimit> = {
  expected: "a rate such as 60/min, 10/s or 1000/h",
  parse: parseRate,
};

const RULES = Object.entries(ALERT_METRICS).map(([name, { bad }]) => name + bad);

export const ALERT_RULE: ValueType<AlertRule> = {
  expected: `${RULES.join(", ")} with a number, and :critical behind it where it is that`,
  parse: parseAlertRule,
};

const NAMED_NETWORKS: readonly string[] = ["loopback", "linklocal", "uniquelocal"];

/** Addresses and networks, with commas between. */
export const ADDRESSES: ValueType<readonly string[]> = {
  expected: "addresses or networks such as 10.0.0.1,192.168.0.0/16,loopback",
  parse: (text) => {
    const names = text.split(",").map((name) => name.trim());
    return names.every((name) => NAMED_NETWORKS.includes(name) || isNetwork(name))
      ? names
      : undefined;
  },
};

/** An address that something can be posted to. */
export const WEB_ADDRESS: ValueType<string> = {
  expected: "an address that begins with http:// or https://",
  parse: (text) => (URL.canParse(text) && /^https?:\/\//i.test(text) ? text : undefined),
};

/** Where a page comes from, as browsers name it. */
export const ORIGIN: ValueType<string> = {
  expected: "an origin such as https://example.org, without a path, or *",
  parse: (text) => {
    if (text === "*") return text;
    return URL.canParse(text) && new URL(text).origin === text ? text : undefined;
  },
};

function isNetwork(text: string): boolean {
  const [address = "", bits, ...rest] = text.split("/");
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  if (bits === undefined) return true;
  return /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
}
