/**
 * What the fitter puts on a box that is to speak in its network before the controller can tell it how:
 *
 *   kubectl create --raw /apis/selvedge.dev/v1alpha1/edgenodes/NAME/bootstrap -f /dev/null > bootstrap-config.pb
 *
 * Passwords may be in it, so it is not for those who may only read.
 */
import type { IncomingMessage } from "node:http";
import { type Answer, StatusError, type Target } from "@selvedge/apiserver";
import { edgeNodeKind } from "@selvedge/kinds";
import type { Caches } from "../objects/caches.ts";
import type { ControllerIdentity } from "../pki/controller-identity.ts";
import { BootstrapConfigError, bootstrapConfig } from "../render/bootstrap-config.ts";

export interface BootstrapDoorParts {
  readonly caches: Pick<Caches, "edgeNodes" | "secrets">;
  readonly pki: { readonly identity: ControllerIdentity };
}

/** Makes a part of what ApiServerOptions.subresource wants: true when the request was for this. */
export function bootstrapDoor({
  caches,
  pki,
}: BootstrapDoorParts): (target: Target, request: IncomingMessage, answer: Answer) => Promise<boolean> {
  return async ({ kind, name = "", subresource }, request, answer) => {
    const { group, plural } = edgeNodeKind;
    if (kind.group !== group || kind.plural !== plural || subresource !== "bootstrap") return false;
    if (answer.type !== "response" || request.method !== "POST") {
      const message = "the server does not allow this method on the requested resource";
      throw new StatusError(405, "MethodNotAllowed", message);
    }
    const edgeNode = caches.edgeNodes.get(name);
    if (edgeNode === undefined)
      throw new StatusError(404, "NotFound", `${plural}.${group} "${name}" not found`);
    const secret = (namespace: string, of: string) => caches.secrets.get(`${namespace}/${of}`);
    let bytes: Uint8Array;
    try {
      bytes = bootstrapConfig({ edgeNode, secret, identity: pki.identity });
    } catch (error) {
      if (error instanceof BootstrapConfigError) throw new StatusError(409, "Conflict", error.message);
      throw error;
    }
    answer.response.writeHead(200, { "content-type": "application/x-proto-binary" });
    answer.response.end(bytes);
    return true;
  };
}
