import { create } from "@bufbuild/protobuf";
import { parseImageReference } from "@selvedge/apimachinery";
import { storage } from "@selvedge/eve-api";
import type { Pod } from "@selvedge/kinds";
import { RenderError, type RenderInputs } from "./inputs.ts";
import { stableId } from "./stable-id.ts";

/** Names that begin with it mean the controller's own registry. */
const ownRegistry = "selvedge.internal";

/** What a node must know to fetch one image. */
export interface ImagePlan {
  readonly contentTree: storage.ContentTree;
  readonly datastore: DatastorePlan;
}

/** A datastore, before its credentials are sealed. */
export interface DatastorePlan {
  readonly id: string;
  readonly fqdn: string;
  readonly certificates: readonly string[];
  readonly credentials: Credentials | undefined;
}

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** Whose image it is, as far as that says where it may come from. */
export interface ImageUser {
  readonly metadata: Pick<Pod["metadata"], "namespace">;
  readonly spec: Pick<Pod["spec"], "imagePullSecrets">;
}

type Sources = Pick<RenderInputs, "secret" | "registry" | "nodeId">;

/** Where an image comes from, and as whom the node asks for it. */
export function imageOf(user: ImageUser, image: string, sources: Sources): ImagePlan {
  const parsed = parseImageReference(image);
  if ("fault" in parsed) {
    throw new RenderError(
      "InvalidImageName",
      `couldn't parse image name ${JSON.stringify(image)}: ${parsed.fault}`,
    );
  }
  const { registry, repository, tag, digest } = parsed;
  const own = registry === ownRegistry;
  const datastore = datastoreOf(
    own ? sources.registry.address : registry,
    own ? sources.registry.certificates : [],
    own
      ? { user: sources.nodeId, password: sources.registry.password(sources.nodeId) }
      : pullCredentials(user, registry, image, sources),
  );
  const url = digest === undefined ? `${repository}:${tag ?? "latest"}` : `${repository}@${digest}`;
  const contentTree = create(storage.ContentTreeSchema, {
    uuid: stableId(`content/${datastore.id}/${url}`),
    URL: url,
    iformat: storage.Format.CONTAINER,
    sha256: digest?.startsWith("sha256:") ? digest.slice("sha256:".length) : "",
    displayName: image,
    dsIdsList: [datastore.id],
  });
  return { contentTree, datastore };
}

function datastoreOf(
  host: string,
  certificates: readonly string[],
  credentials: Credentials | undefined,
): DatastorePlan {
  // The password is no part of the name: a new password is the same datastore, and no content is fetched
  // again for it.
  const id = stableId(`datastore/${host}/${credentials?.user ?? ""}`);
  return { id, fqdn: `docker://${host}`, certificates, credentials };
}

interface DockerConfig {
  readonly auths?: Readonly<Record<string, DockerAuth>>;
}

interface DockerAuth {
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
}

/**
 * The first of the Pod's pull secrets that knows the registry. A secret that is not there is passed over,
 * as upstream.
 */
function pullCredentials(
  { metadata, spec }: ImageUser,
  registry: string,
  image: string,
  sources: Sources,
): Credentials | undefined {
  const namespace = metadata.namespace ?? "";
  const found: { readonly length: number; readonly credentials: Credentials }[] = [];
  for (const { name = "" } of spec.imagePullSecrets ?? []) {
    const data = sources.secret(namespace, name)?.data ?? {};
    for (const [server, auth] of Object.entries(authsOf(data))) {
      const credentials = credentialsOf(auth);
      if (credentials === undefined || !covers(server, registry, image)) continue;
      found.push({ length: server.length, credentials });
    }
  }
  // The longest server name is the most exact one; of equals the first.
  return found.sort((left, right) => right.length - left.length)[0]?.credentials;
}

function authsOf(data: Readonly<Record<string, string>>): Readonly<Record<string, DockerAuth>> {
  const json = data[".dockerconfigjson"];
  const old = data[".dockercfg"];
  try {
    if (json !== undefined) return (JSON.parse(text(json)) as DockerConfig).auths ?? {};
    if (old !== undefined) return JSON.parse(text(old)) as Record<string, DockerAuth>;
  } catch (error) {
    throw new RenderError("CreateContainerConfigError", "an image pull secret is not valid JSON", {
      cause: error,
    });
  }
  return {};
}

function credentialsOf({ auth, username, password }: DockerAuth): Credentials | undefined {
  if (username !== undefined && password !== undefined) return { user: username, password };
  if (auth === undefined) return undefined;
  const decoded = text(auth);
  const colon = decoded.indexOf(":");
  return colon < 0 ? undefined : { user: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

/**
 * Whether credentials for `server` (`https://host/v1/`, `host`, `host/path`, `*.host`) are for this image.
 */
function covers(server: string, registry: string, image: string): boolean {
  const [host = "", ...path] = server
    .replace(/^https?:\/\//, "")
    .replace(/\/$/, "")
    .split("/");
  const dockers = ["docker.io", "index.docker.io", "registry-1.docker.io"];
  const same = dockers.includes(registry) ? dockers.includes(host) : host === registry;
  const wildcard = host.startsWith("*.") && registry.endsWith(host.slice(1));
  if (!same && !wildcard) return false;
  const folder = path.filter((part) => !/^v[12]$/.test(part)).join("/");
  return folder === "" || image.includes(`/${folder}/`);
}

function text(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}
