import { type Random, uuid } from "@selvedge/base";

/** On every answer, and in what the log says of the request. */
export const requestIdHeader = "x-request-id";
/** As EVE's boxes make them, or anybody's: it is written into logs, so nothing else is taken over. */
const pattern = /^[\w-]{1,64}$/;

/** What the client calls its request, or a name for it. */
export function requestIdOf(headers: Readonly<Record<string, unknown>>, random: Random): string {
  const given = headers[requestIdHeader];
  return typeof given === "string" && pattern.test(given) ? given : uuid(random);
}
