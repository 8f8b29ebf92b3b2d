/** How an app's maker can make sure that the app runs on the box it should be on, by the box's own TPM. */
import { describeError, type Log } from "@selvedge/base";
import type { Challenge, KeyStore } from "../identity/key-store.ts";
import {
  type Caller,
  json,
  jsonRefusal,
  type MetadataAnswer,
  type MetadataRequest,
  refusal,
} from "./exchange.ts";

export type CredentialTpm = Pick<KeyStore, "credentialKeys" | "activate">;

/** EVE's bound. */
const bodyMax = 65_535;

export async function credentialAnswer(
  request: MetadataRequest,
  caller: Caller | undefined,
  { tpm, log }: { readonly tpm: CredentialTpm; readonly log: Log },
): Promise<MetadataAnswer> {
  if (request.method !== "GET" && request.method !== "POST") return refusal(405, "Method Not Allowed");
  // It says which box this is, and signs for it: for those who may have the node's signature, too.
  if (caller?.app.foreign === undefined)
    return refusal(403, `activateCredential: no AppNetworkStatus for ${request.address}`);
  const failed = jsonRefusal(500, "Operation failed");
  try {
    if (request.method === "GET") {
      const keys = await tpm.credentialKeys();
      if (keys === undefined) return failed;
      const { endorsement, signing, signingName } = keys;
      const name = Buffer.from([signingName.length >> 8, signingName.length & 0xff, ...signingName]);
      return json({
        ek: base64(endorsement),
        aikpub: base64(signing),
        aikname: name.toString("base64"),
      });
    }
    const body = await request.body(bodyMax);
    if (body === undefined) return jsonRefusal(400, "Operation failed");
    const activated = await tpm.activate(readChallenge(body));
    if (activated === undefined) return failed;
    return json({ secret: base64(activated.secret), sig: base64(activated.signature) });
  } catch (error) {
    log.warn("a credential was not activated", { app: caller.id, error: describeError(error) });
    return failed;
  }
}

/** Credential and secret come as TCG's sized buffers, with their length in front. */
function readChallenge(body: Uint8Array): Challenge {
  const { data, cred, secret } = JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>;
  const bytes = (what: unknown): Uint8Array => {
    if (typeof what !== "string") throw new Error("data, cred and secret have to be text in base64");
    return Uint8Array.fromBase64(what);
  };
  const unsized = (what: unknown): Uint8Array => {
    const sized = bytes(what);
    if (sized.length < 2) throw new Error("invalid credential blob or encrypted secret");
    return sized.subarray(2);
  };
  return { credential: unsized(cred), secret: unsized(secret), data: bytes(data) };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
