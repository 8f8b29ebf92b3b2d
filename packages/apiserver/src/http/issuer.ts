/** What others check tokens of ServiceAccounts with, as OpenID Connect has it. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ServiceAccountTokens } from "../auth/service-account-tokens.ts";
import { checkHead } from "./documents.ts";
import { sendJson } from "./respond.ts";

export interface IssuerOptions {
  readonly serviceAccounts?: ServiceAccountTokens;
  readonly externalUrl?: string;
}

/** Whether the path was one of these; then it has been answered. */
export async function serveIssuer(
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  { serviceAccounts, externalUrl }: IssuerOptions,
): Promise<boolean> {
  if (serviceAccounts === undefined) return false;
  if (path === "/.well-known/openid-configuration") {
    checkHead(request);
    // Over HTTP/2 the host has a name of its own.
    const { host, ":authority": authority = host } = request.headers as Record<string, string | undefined>;
    const asked = `https://${authority ?? "localhost"}`;
    // Who found it by the issuer's name finds the keys there: an app has perhaps no other way.
    const server = asked === serviceAccounts.issuer ? asked : (externalUrl ?? asked);
    void sendJson(request, response, 200, JSON.stringify(serviceAccounts.configuration(server)));
    return true;
  }
  if (path !== "/openid/v1/jwks") return false;
  checkHead(request);
  const type = { "content-type": "application/jwk-set+json" };
  void sendJson(request, response, 200, JSON.stringify(await serviceAccounts.jwks()), type);
  return true;
}
