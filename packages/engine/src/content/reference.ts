import type { ContentSpec, Datastore } from "../desired.ts";

/** Where to ask for an image: a registry, a repository in it, and what to take of it. */
export interface ImageReference {
  /** `https://host:port`, without a slash at the end. */
  readonly base: string;
  readonly repository: string;
  readonly tag: string | undefined;
  /** `sha256:…` */
  readonly digest: string | undefined;
  /** How Kubernetes names the repository: `host:port/repository`. */
  readonly fullName: string;
}

/** The reference is not one: asking again cannot help. Kubernetes says InvalidImageName. */
export class InvalidReferenceError extends Error {
  override name = "InvalidReferenceError";
}

const repositoryPattern =
  /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^\w[\w.-]{0,127}$/;
const digestPattern = /^sha256:[0-9a-f]{64}$/;
const repositoryMax = 255;

export function parseReference(spec: ContentSpec, datastore: Datastore): ImageReference {
  const [named = "", digest] = split(spec.url.replace(/^\/+/, ""), "@");
  const colon = named.lastIndexOf(":");
  const tagged = colon > named.lastIndexOf("/");
  const name = tagged ? named.slice(0, colon) : named;
  const tag = tagged ? named.slice(colon + 1) : undefined;
  const { base, host } = registryBase(datastore.fqdn);
  const repository = [datastore.path.replace(/^\/+|\/+$/g, ""), name].filter((part) => part !== "").join("/");
  if (repository.length > repositoryMax || !repositoryPattern.test(repository))
    throw new InvalidReferenceError(`${spec.url}: ${JSON.stringify(repository)} is not a repository name`);
  if (tag !== undefined && !tagPattern.test(tag))
    throw new InvalidReferenceError(`${spec.url}: ${JSON.stringify(tag)} is not a tag`);
  if (digest !== undefined && !digestPattern.test(digest))
    throw new InvalidReferenceError(`${spec.url}: ${JSON.stringify(digest)} is not sha256:<64 hex digits>`);
  const pinned = digest ?? (spec.sha256 === "" ? undefined : `sha256:${spec.sha256.toLowerCase()}`);
  return {
    base,
    repository,
    tag: pinned === undefined ? (tag ?? "latest") : tag,
    digest: pinned,
    fullName: `${host}/${repository}`,
  };
}

/** Docker's own names stand for a host that is called otherwise. */
function registryBase(fqdn: string): { base: string; host: string } {
  const match = /^(?:(docker|https?):\/\/)?([^/]+)\/?$/.exec(fqdn);
  const host = match?.[2];
  if (host === undefined || !/^[\w.:[\]-]+$/.test(host))
    throw new InvalidReferenceError(`datastore ${JSON.stringify(fqdn)} is not docker://host[:port]`);
  const real = host === "docker.io" || host === "index.docker.io" ? "registry-1.docker.io" : host;
  return { base: `${match?.[1] === "http" ? "http" : "https"}://${real}`, host };
}

function split(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
