const DATE =
  "(19|20)[0-9][0-9]-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])" +
  "|(0[13-9]|1[0-2])-(29|30)|(0[13578]|10|12)-31)";
const TIME = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?";
const ZONE = "(Z|[+\\-]([01][0-9]|2[0-3]):[0-5][0-9])";
const LABEL = "[a-z0-9]([a-z0-9\\-]{0,20}[a-z0-9])?";
const HOST = `${LABEL}(\\.${LABEL}){0,3}\\.[a-z]{2,6}`;
const OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9][0-9]|[0-9])";
const HEX4 = "[0-9a-f]{1,4}";

/** Patterns of strings, each of a part of what its format allows. */
export const FORMATS: Readonly<Record<string, string>> = {
  date: DATE,
  time: `${TIME}${ZONE}`,
  "date-time": `${DATE}T${TIME}${ZONE}`,
  uuid: "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
  email: `[A-Za-z0-9][A-Za-z0-9_+\\-]{0,20}(\\.[A-Za-z0-9_+\\-]{1,20})?@${HOST}`,
  hostname: HOST,
  ipv4: `${OCTET}(\\.${OCTET}){3}`,
  ipv6: `${HEX4}(:${HEX4}){7}`,
  uri: `https?://${HOST}(/[A-Za-z0-9._~\\-]{0,40}){0,8}`,
};
