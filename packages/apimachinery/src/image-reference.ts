/** Names of images: `nginx`, `registry.example.com:5000/team/app:1.2@sha256:…`. */
export interface ImageReference {
  /** Host and port; Docker Hub when the user named none. */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

const defaultRegistry = "docker.io";
const repositoryPattern =
  /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const hostPattern = /^(?:[a-zA-Z0-9](?:[-a-zA-Z0-9.]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const digestPattern = /^sha256:[0-9a-f]{64}$|^sha512:[0-9a-f]{128}$/;
/** The limit of the reference grammar for a repository with its host. */
const nameMax = 255;

/**
 * The parts of a reference, as Docker reads it: a first part with a dot, a colon or "localhost" is a host.
 */
export function parseImageReference(text: string): ImageReference | { readonly fault: string } {
  const [beforeDigest = "", digest, ...more] = text.split("@");
  if (more.length > 0 || (digest !== undefined && !digestPattern.test(digest))) {
    return { fault: "the digest after '@' must be sha256: and 64 hexadecimal digits, or sha512: and 128" };
  }
  const slash = beforeDigest.indexOf("/");
  const first = slash < 0 ? "" : beforeDigest.slice(0, slash);
  const named = /[.:]/.test(first) || first === "localhost" || first.startsWith("[");
  const registry = named ? first : defaultRegistry;
  const rest = named ? beforeDigest.slice(slash + 1) : beforeDigest;
  const colon = rest.lastIndexOf(":");
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  if (!hostPattern.test(registry)) return { fault: `${JSON.stringify(registry)} is not a registry's host` };
  if (tag !== undefined && !tagPattern.test(tag)) return { fault: `${JSON.stringify(tag)} is not a tag` };
  if (!repositoryPattern.test(path) || beforeDigest.length > nameMax) {
    return {
      fault: `${JSON.stringify(path)} is not a repository name: lower-case letters, digits, '.', '_', '-', '/'`,
    };
  }
  const repository = registry === defaultRegistry && !path.includes("/") ? `library/${path}` : path;
  return { registry, repository, tag, digest };
}
