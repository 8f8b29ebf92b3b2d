import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, get, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import type { ServiceAccountTokens } from "../auth/service-account-tokens.ts";
import { serveIssuer } from "./issuer.ts";

const issuer = "https://kubernetes.default.svc";
const serviceAccounts = {
  issuer,
  configuration: (server: string) => ({ issuer, jwks_uri: `${server}/openid/v1/jwks` }),
} as unknown as ServiceAccountTokens;

async function keysAt(host: string, externalUrl?: string): Promise<string> {
  const more = externalUrl === undefined ? {} : { externalUrl };
  const server = createServer((request, response) => {
    void serveIssuer(request.url ?? "", request, response, { serviceAccounts, ...more });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const asked = get({ port, path: "/.well-known/openid-configuration", headers: { host } });
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  const { jwks_uri: uri } = JSON.parse(await text(response)) as { jwks_uri: string };
  server.close();
  return uri.replace("/openid/v1/jwks", "");
}

describe("the keys that tokens are checked with", () => {
  const rows: readonly (readonly [what: string, host: string, external: string | undefined, at: string])[] = [
    ["where the API is for everybody", "10.0.0.5:6443", "https://api.example", "https://api.example"],
    ["where it was asked, when nobody said", "10.0.0.5:6443", undefined, "https://10.0.0.5:6443"],
    ["at the issuer, for whom found that", "kubernetes.default.svc", "https://api.example", issuer],
  ];
  for (const [what, host, external, at] of rows)
    it(`are ${what}`, async () => assert.equal(await keysAt(host, external), at));
});
