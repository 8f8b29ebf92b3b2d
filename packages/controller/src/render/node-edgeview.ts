/** Sessions at a dispatcher, for boxes that no link leads to. */
import { create } from "@bufbuild/protobuf";
import { type config, edgeview } from "@selvedge/eve-api";
import type { EdgeNode } from "@selvedge/kinds";
import type { NodeId } from "../ports.ts";

/** What tokens are made with. */
export interface TokenMaker {
  /** What a session is authenticated by: the same for the same text, and for nobody else to find out. */
  key(text: string): string;
  /** r‖s, by the key the node knows. */
  sign(bytes: Uint8Array): Uint8Array;
  hasSigned(bytes: Uint8Array, signature: Uint8Array): boolean;
}

const header = Buffer.from(JSON.stringify({ alg: "ES256", typ: "JWT" })).toString("base64url");

/**
 * A token is never the same twice, so the one before stays for as long as it says the same and our key of now
 * has signed it: a device ends all sessions when it gets another.
 */
export function edgeviewOf(
  nodeId: NodeId,
  { spec }: EdgeNode,
  tokens: TokenMaker,
  previous: config.EdgeDevConfig | undefined,
): edgeview.EdgeViewConfig | undefined {
  const { remoteAccess: access } = spec;
  if (access === undefined) return undefined;
  const {
    dispatcher,
    dispatcherCertificates = [],
    expires,
    sessions = 1,
    allow = [],
    generation = 0,
  } = access;
  const claims = {
    ...{ dep: dispatcher, sub: nodeId, exp: Math.floor(Date.parse(expires) / 1000) },
    ...{ key: tokens.key(`${nodeId} ${generation}`), num: sessions, enc: false, aut: 0 },
  };
  const said = `${header}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}`;
  const before = previous?.edgeview?.token ?? "";
  return create(edgeview.EdgeViewConfigSchema, {
    token: isStill(before, said, tokens) ? before : `${said}.${base64url(tokens.sign(Buffer.from(said)))}`,
    dispCertPem: dispatcherCertificates.map((pem) => new Uint8Array(Buffer.from(pem, "utf8"))),
    devPolicy: { allowDev: allow.includes("Device") },
    appPolicy: { allowApp: allow.includes("Apps") },
    extPolicy: { allowExt: allow.includes("External") },
    generationId: generation,
  });
}

function isStill(token: string, said: string, tokens: TokenMaker): boolean {
  if (!token.startsWith(`${said}.`)) return false;
  return tokens.hasSigned(Buffer.from(said), Buffer.from(token.slice(said.length + 1), "base64url"));
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}
