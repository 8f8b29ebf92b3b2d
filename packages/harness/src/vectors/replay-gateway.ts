import { createHash, X509Certificate } from "node:crypto";
import { createRegistry, type DescMessage, equals, fromBinary } from "@bufbuild/protobuf";
import type { DeviceResponse } from "@selvedge/controller";
import { attest, certs, config, decodeEnvelope, register, uuid } from "@selvedge/eve-api";
import { type Check, checking } from "./check.ts";
import { type Exchange, envelopeOf, open, type Recording } from "./recording.ts";
import { ReplayWorld } from "./replay-world.ts";

interface Expected {
  readonly status: number;
  readonly note?: string;
}

/**
 * Gives every recorded request to our gateway, in order: it must answer with the recorded status, and say
 * the same where it says anything. What cannot be the same are nonces and signatures: those must be good.
 */
export async function replayRequests(recording: Recording): Promise<Check[]> {
  await using world = await ReplayWorld.make(recording);
  const checks: Check[] = [];
  const known = knownDevices(recording);
  for (const [index, exchange] of recording.exchanges.entries()) {
    await world.prepare(index);
    const expected = expectedOf(exchange, known);
    const { method, target, headers, request: body } = exchange;
    const answer = await world.gateway.handle({ method, target, headers, body, remote: "recorded" });
    const check = await checking(`eve/http/${exchange.name}: our answer`, async () =>
      answer.status === expected.status
        ? contentFault(exchange, answer)
        : `status ${answer.status}, not ${expected.status}: ${new TextDecoder().decode(answer.body).trim()}`,
    );
    checks.push({ ...check, ...(expected.note === undefined ? {} : { note: expected.note }) });
  }
  return checks;
}

/**
 * The status a request should get: the recorded one, except where the recorded controller fails (409, 500)
 * on a box that registers again. The specification says 200 there, and a node repeats it at every boot
 * until it has its UUID.
 */
function expectedOf({ match, status, request }: Exchange, known: ReadonlySet<string>): Expected {
  if (match?.name !== "register" || (status !== 409 && status < 500)) return { status };
  const { pemCert } = open(register.ZRegisterMsgSchema, request);
  if (!known.has(hashOfCertificate(pemCert))) return { status };
  return { status: 200, note: `recorded ${status}; the specification says 200 for the same box again` };
}

/** Devices that the recorded controller told their UUID, by the hash of their certificate. */
function knownDevices({ exchanges }: Recording): ReadonlySet<string> {
  return new Set(
    exchanges
      .filter(({ match, status }) => match?.name === "uuid" && status === 200)
      .map(({ request }) => envelopeOf(request)?.senderCertHash.toHex() ?? ""),
  );
}

/** Of a certificate as registration carries it: PEM in base64. */
function hashOfCertificate(pem: Uint8Array): string {
  const certificate = new X509Certificate(Buffer.from(Buffer.from(pem).toString("latin1"), "base64"));
  return createHash("sha256").update(certificate.raw).digest("hex");
}

function contentFault(
  { match, answer: recorded, status }: Exchange,
  answer: DeviceResponse,
): string | undefined {
  if (answer.status >= 400) return answer.body.length === 0 ? "an error without a word" : undefined;
  // An error's text says nothing about what a success should hold.
  if (recorded.length === 0 || match === undefined || status >= 400) {
    return answer.body.length === 0 ? undefined : `${answer.body.length} bytes where nothing was expected`;
  }
  if (answer.headers["content-type"] !== "application/x-proto-binary") return "the content type is missing";
  const ours = decodeEnvelope(answer.body);
  const theirs = decodeEnvelope(recorded);
  if (ours.senderCertHash.toHex() !== theirs.senderCertHash.toHex()) {
    return "another signing certificate is named";
  }
  switch (match.name) {
    case "certs":
      return certsFault(ours.payload, theirs.payload);
    case "uuid":
      return sameFault(uuid.UuidResponseSchema, ours.payload, theirs.payload);
    case "config":
      return sameFault(config.ConfigResponseSchema, ours.payload, theirs.payload);
    case "attest":
      return attestFault(ours.payload, theirs.payload);
    default:
      return undefined;
  }
}

function sameFault(schema: DescMessage, ours: Uint8Array, theirs: Uint8Array): string | undefined {
  const same = equals(schema, fromBinary(schema, ours), fromBinary(schema, theirs), {
    registry: createRegistry(),
    unknown: true,
  });
  return same ? undefined : `${schema.name} differs from the recorded one`;
}

/** A nonce is new every time; everything else is the same. */
function attestFault(ours: Uint8Array, theirs: Uint8Array): string | undefined {
  const schema = attest.ZAttestResponseSchema;
  const [own, other] = [fromBinary(schema, ours), fromBinary(schema, theirs)];
  if (own.nonce !== undefined && other.nonce !== undefined) {
    const { length } = own.nonce.nonce;
    if (length < 12 || length > 32) return `a nonce of ${length} bytes; a TPM takes 12 to 32`;
    own.nonce.nonce = other.nonce.nonce;
  }
  return equals(schema, own, other) ? undefined : "ZAttestResponse differs from the recorded one";
}

/** The same certificates under the same names, in any order. */
function certsFault(ours: Uint8Array, theirs: Uint8Array): string | undefined {
  const list = (payload: Uint8Array): string =>
    fromBinary(certs.ZControllerCertSchema, payload)
      .certs.map(({ type, certHash, cert }) => `${type} ${certHash.toHex()} ${cert.toHex()}`)
      .sort()
      .join("\n");
  return list(ours) === list(theirs) ? undefined : "the list of certificates differs from the recorded one";
}
