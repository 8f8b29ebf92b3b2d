/** Where an image goes: which host, how its TLS is trusted, who we are there. */
import { parseImageReference } from "@selvedge/apimachinery";
import { UsageError } from "../io.ts";
import type { ClientTls } from "../kube.ts";

/** In image names: the registry of the controller, wherever it is. */
export const controllerHost = "selvedge.internal";

export interface RegistryTarget {
  readonly base: URL;
  readonly repository: string;
  readonly tag: string;
  readonly tls: Partial<ClientTls>;
  readonly credentials: { readonly user: string; readonly password: string } | undefined;
}

export interface TargetOptions {
  /** The controller's, for names under selvedge.internal. */
  readonly controller: { readonly server: URL; readonly tls: ClientTls } | undefined;
  readonly caFile: string | undefined;
  readonly plainHttp: boolean;
  readonly credentials: RegistryTarget["credentials"];
}

/** Docker Hub answers at another host than its name. */
const dockerHub = "registry-1.docker.io";

export function registryTarget(text: string, options: TargetOptions): RegistryTarget {
  const reference = parseImageReference(text);
  if ("fault" in reference) throw new UsageError(`${text}: ${reference.fault}`);
  if (reference.digest !== undefined) {
    throw new UsageError(`${text}: push to a tag; the digest comes from the image`);
  }
  const { repository, tag = "latest" } = reference;
  const { credentials, controller, caFile, plainHttp } = options;
  if (reference.registry === controllerHost) {
    if (controller === undefined) throw new UsageError(`${controllerHost} needs the controller's kubeconfig`);
    return { base: new URL("/v2/", controller.server), repository, tag, tls: controller.tls, credentials };
  }
  const host = reference.registry === "docker.io" ? dockerHub : reference.registry;
  return {
    base: new URL(`${plainHttp ? "http" : "https"}://${host}/v2/`),
    repository,
    tag,
    tls: caFile === undefined ? {} : { ca: caFile },
    credentials,
  };
}
