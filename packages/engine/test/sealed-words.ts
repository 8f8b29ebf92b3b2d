/** What a controller seals for a node under its ECDH certificate of the moment. */
import { createHash, createPublicKey } from "node:crypto";
import { type cipher, deriveSharedKey, sealCipherBlock } from "@selvedge/eve-api";
import { aesCfb } from "../src/control/secrets.ts";
import type { RunningEngine } from "./control-world.ts";

/** `exchange` is the PEM of the controller's certificate. */
export async function sealFor(
  { identity }: RunningEngine,
  exchange: Uint8Array,
  plaintext: Uint8Array,
): Promise<cipher.CipherBlock> {
  const { x = "", y = "" } = createPublicKey(Buffer.from(exchange)).export({ format: "jwk" });
  const [left = exchange, right = exchange] = [x, y].map(
    (text) => new Uint8Array(Buffer.from(text, "base64url")),
  );
  const shared = await identity.keys.sharedPoint({ x: left, y: right });
  const key = await deriveSharedKey(shared.x, shared.y);
  return await sealCipherBlock(aesCfb, { key, iv: new Uint8Array(16), contextId: "c", plaintext });
}

export function contextFor({ identity }: RunningEngine, exchange: Uint8Array): object {
  const hash = (pem: Uint8Array): Uint8Array => createHash("sha256").update(pem).digest().subarray(0, 16);
  return {
    ...{ contextId: "c", controllerCertHash: hash(exchange), keyExchangeScheme: 1, encryptionScheme: 1 },
    deviceCertHash: hash(identity.exchange.pem),
  };
}
