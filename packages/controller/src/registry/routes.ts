/** Where a request under /v2/ goes. */
export type Route =
  | { readonly kind: "root" }
  | { readonly kind: "tags"; readonly repository: string; readonly query: URLSearchParams }
  | { readonly kind: "manifest"; readonly repository: string; readonly reference: string }
  | { readonly kind: "blob"; readonly repository: string; readonly digest: string }
  | { readonly kind: "uploads"; readonly repository: string; readonly query: URLSearchParams }
  | {
      readonly kind: "upload";
      readonly repository: string;
      readonly id: string;
      readonly query: URLSearchParams;
    }
  | {
      readonly kind: "referrers";
      readonly repository: string;
      readonly digest: string;
      readonly query: URLSearchParams;
    };

const repositoryPattern =
  /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
export const digestPattern: RegExp = /^sha256:[0-9a-f]{64}$/;
const tagPattern = /^\w[\w.-]{0,127}$/;
const uuidPattern = /^[0-9a-f-]{36}$/;
/** The specification's own bound, host name included. */
const repositoryMax = 255;

/** Every part becomes a path on the disk later, so nothing passes that is not exactly of its form. */
export function parseRoute(target: string): Route | undefined {
  const [path = "", search = ""] = target.split("?", 2);
  const query = new URLSearchParams(search);
  if (path === "/v2/" || path === "/v2") return { kind: "root" };
  const match =
    /^\/v2\/(.+?)\/(?:(tags)\/list|(manifests|referrers)\/([^/]+)|(blobs)\/(uploads\/[^/]*|uploads|[^/]+))$/.exec(
      path,
    );
  const repository = match?.[1];
  if (match === null || repository === undefined || !isRepository(repository)) return undefined;
  if (match[2] === "tags") return { kind: "tags", repository, query };
  const reference = match[4] ?? "";
  if (match[3] === "manifests")
    return digestPattern.test(reference) || tagPattern.test(reference)
      ? { kind: "manifest", repository, reference }
      : undefined;
  if (match[3] === "referrers")
    return digestPattern.test(reference)
      ? { kind: "referrers", repository, digest: reference, query }
      : undefined;
  const blob = match[6] ?? "";
  if (blob === "uploads" || blob === "uploads/") return { kind: "uploads", repository, query };
  if (blob.startsWith("uploads/")) {
    const id = blob.slice("uploads/".length);
    return uuidPattern.test(id) ? { kind: "upload", repository, id, query } : undefined;
  }
  return digestPattern.test(blob) ? { kind: "blob", repository, digest: blob } : undefined;
}

export function isRepository(name: string): boolean {
  return name.length <= repositoryMax && repositoryPattern.test(name);
}
