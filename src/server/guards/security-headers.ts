import type { FastifyHelmetOptions } from "@fastify/helmet";

const SELF = ["'self'"];
const NONE = ["'none'"];

/** The page may load, and talk to, this server alone, and may stand in no other page. */
export const SECURITY_HEADERS: FastifyHelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: NONE,
      scriptSrc: SELF,
      styleSrc: SELF,
      imgSrc: ["'self'", "data:"],
      fontSrc: SELF,
      connectSrc: SELF,
      manifestSrc: SELF,
      baseUri: NONE,
      formAction: NONE,
      frameAncestors: NONE,
    },
  },
  xFrameOptions: { action: "deny" },
  referrerPolicy: { policy: "no-referrer" },
  // Whoever puts TLS in front of the server says so there.
  strictTransportSecurity: false,
};
