import { X509Certificate } from "node:crypto";
import { type DescMessage, fromBinary } from "@bufbuild/protobuf";
import { type Instant, instant } from "@selvedge/base";
import { type ControllerCerts, openEnvelope, readControllerCerts } from "@selvedge/engine";
import { attest, config, decodeEnvelope, uuid } from "@selvedge/eve-api";
import { type Check, checking } from "./check.ts";
import type { Exchange, Recording } from "./recording.ts";

/** What the answers of these endpoints hold. */
const messages: Readonly<Record<string, DescMessage>> = {
  uuid: uuid.UuidResponseSchema,
  config: config.ConfigResponseSchema,
  attest: attest.ZAttestResponseSchema,
};

/**
 * Checks every recorded answer as our engine does: the list of certificates by its chain to the root the
 * box was given, everything else by its signature with a certificate of the newest list.
 */
export async function verifyAnswers(recording: Recording): Promise<Check[]> {
  const root = recording.key("root");
  // The day of the recording, whatever day it is now.
  const at = instant(Date.parse(new X509Certificate(recording.key("signing.leaf")).validFrom) + 60_000);
  const checks: Check[] = [];
  let list: ControllerCerts | undefined;
  for (const exchange of recording.exchanges) {
    const { name, match, answer, status } = exchange;
    if (match === undefined || answer.length === 0 || status >= 300) continue;
    if (match.name !== "certs" && messages[match.name] === undefined) continue;
    const check = await checking(`eve/http/${name}: the recorded answer, as our engine sees it`, async () => {
      if (match.name === "certs") list = learn(answer, root, at);
      else return answerFault(exchange, list);
      return undefined;
    });
    checks.push(check);
  }
  return checks;
}

function learn(answer: Uint8Array, root: string, at: Instant): ControllerCerts {
  return readControllerCerts(decodeEnvelope(answer).payload, [root], at);
}

function answerFault({ match, answer }: Exchange, list: ControllerCerts | undefined): string | undefined {
  if (list === undefined) return "no list of certificates came before it";
  const schema = messages[match?.name ?? ""];
  if (schema === undefined) return "nobody knows what it holds";
  const payload = openEnvelope(answer, [list]);
  const message = fromBinary(schema, payload) as { readonly configHash?: string; readonly uuid?: string };
  if (schema === config.ConfigResponseSchema && !message.configHash) return "configHash is empty";
  if (schema === uuid.UuidResponseSchema && !message.uuid) return "uuid is empty";
  const changed = answer.slice();
  changed[changed.length - 1] = (changed[changed.length - 1] ?? 0) ^ 1;
  try {
    openEnvelope(changed, [list]);
    return "a changed answer verifies too";
  } catch {
    return undefined;
  }
}
