import { type Clock, collectBytes, type Log, type Random, uuid } from "@selvedge/base";
import {
  type BlobStore,
  DigestMismatchError,
  RangeMismatchError,
  TooLargeError,
  UploadBusyError,
} from "./blob-store.ts";
import { ManifestError, parseManifest } from "./manifest.ts";
import { parseRoute, type Route } from "./routes.ts";

/**
 * An OCI distribution registry (v1.1) as a function from request to answer: whoever has a TLS port serves
 * it at /v2/. Users push and pull; nodes pull.
 */
export interface RegistryRequest {
  readonly method: string;
  /** Path and query, as in the request line. */
  readonly target: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: AsyncIterable<Uint8Array>;
  /** Who stands at the other end of the TLS connection, if its certificate says so already. */
  readonly identity?: RegistryIdentity | undefined;
}

export interface RegistryResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
}

export interface RegistryIdentity {
  readonly name: string;
  readonly mayPush: boolean;
}

export interface RegistryOptions {
  readonly store: BlobStore;
  /** From an Authorization header to who it is; undefined for nobody. */
  readonly authenticate: (header: string | undefined) => Promise<RegistryIdentity | undefined>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** What the specification asks registries to take at least. */
const manifestMax = 4 * 2 ** 20;
const tagsPageMax = 1000;

export class Registry {
  readonly #options: RegistryOptions;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  async handle(request: RegistryRequest): Promise<RegistryResponse> {
    const identity = request.identity ?? (await this.#options.authenticate(request.headers["authorization"]));
    if (identity === undefined)
      return failure(401, "UNAUTHORIZED", "authentication required", {
        "www-authenticate": 'Basic realm="selvedge"',
      });
    const route = parseRoute(request.target);
    if (route === undefined) return failure(404, "NAME_INVALID", "no such path, or not a repository name");
    if (!reads(request) && !identity.mayPush) return failure(403, "DENIED", `${identity.name} may pull only`);
    try {
      return await this.#route(request, route);
    } catch (error) {
      if (error instanceof DigestMismatchError) return failure(400, "DIGEST_INVALID", error.message);
      if (error instanceof ManifestError) return failure(400, "MANIFEST_INVALID", error.message);
      if (error instanceof UploadBusyError) return failure(409, "BLOB_UPLOAD_INVALID", error.message);
      if (isFull(error)) {
        this.#options.log.error("the registry's disk is full", { target: request.target });
        return failure(
          507,
          "INSUFFICIENT_STORAGE",
          "the registry has no space left; delete images, or grow its disk",
        );
      }
      if (error instanceof TooLargeError) return failure(413, "SIZE_INVALID", error.message);
      if (error instanceof RangeMismatchError)
        return failure(416, "BLOB_UPLOAD_INVALID", error.message, { range: rangeOf(error.size) });
      throw error;
    }
  }

  async #route(request: RegistryRequest, route: Route): Promise<RegistryResponse> {
    switch (route.kind) {
      case "root":
        return json(200, {}, { "docker-distribution-api-version": "registry/2.0" });
      case "tags":
        return reads(request) ? await this.#tags(route.repository, route.query) : notAllowed();
      case "manifest":
        return await this.#manifest(request, route.repository, route.reference);
      case "blob":
        return await this.#blob(request, route.repository, route.digest);
      case "uploads":
        return request.method === "POST" ? await this.#startUpload(request, route) : notAllowed();
      case "upload":
        return await this.#upload(request, route);
      case "referrers":
        return reads(request) ? await this.#referrers(route) : notAllowed();
    }
  }

  async #tags(repository: string, query: URLSearchParams): Promise<RegistryResponse> {
    const all = await this.#options.store.tags(repository);
    if (all === undefined) return failure(404, "NAME_UNKNOWN", `no repository ${repository}`);
    const last = query.get("last");
    const limit = Math.min(Number(query.get("n") ?? tagsPageMax) || tagsPageMax, tagsPageMax);
    const rest = all.filter((tag) => last === null || tag > last);
    const page = rest.slice(0, limit);
    const more = page.length < rest.length;
    const next = `</v2/${repository}/tags/list?n=${limit}&last=${page.at(-1) ?? ""}>; rel="next"`;
    return json(200, { name: repository, tags: page }, more ? { link: next } : {});
  }

  async #manifest(
    request: RegistryRequest,
    repository: string,
    reference: string,
  ): Promise<RegistryResponse> {
    const { store } = this.#options;
    switch (request.method) {
      case "GET":
      case "HEAD": {
        const manifest = await store.manifest(repository, reference);
        if (manifest === undefined)
          return failure(404, "MANIFEST_UNKNOWN", `${repository} has no manifest ${reference}`);
        const headers = {
          "content-type": manifest.mediaType,
          "content-length": String(manifest.bytes.length),
          "docker-content-digest": manifest.digest,
        };
        return { status: 200, headers, body: request.method === "HEAD" ? nothing : manifest.bytes };
      }
      case "PUT": {
        const tooLong = `a manifest has at most ${manifestMax} bytes`;
        const bytes = await collectBytes(request.body, manifestMax, () => new TooLargeError(tooLong));
        const [mediaType = ""] = (request.headers["content-type"] || manifestType).split(";", 1);
        const content = parseManifest(bytes);
        if (content.mediaType !== undefined && content.mediaType !== mediaType) {
          throw new ManifestError(`mediaType: ${content.mediaType} is not the Content-Type ${mediaType}`);
        }
        for (const blob of content.blobs) {
          if ((await store.holds(repository, blob)) !== undefined) continue;
          return failure(404, "MANIFEST_BLOB_UNKNOWN", `push blob ${blob} before its manifest`);
        }
        const digest = await store.putManifest(repository, reference, { bytes, mediaType }, content);
        this.#options.log.info("manifest pushed", { repository, reference, digest });
        const location = `/v2/${repository}/manifests/${digest}`;
        const subject = content.subject === undefined ? {} : { "oci-subject": content.subject };
        const headers = { location, "docker-content-digest": digest, ...subject };
        return { status: 201, headers, body: nothing };
      }
      case "DELETE": {
        const found = await store.manifest(repository, reference);
        const subject = found === undefined ? undefined : parseManifest(found.bytes).subject;
        return (await store.deleteManifest(repository, reference, subject))
          ? { status: 202, headers: {}, body: nothing }
          : failure(404, "MANIFEST_UNKNOWN", `${repository} has no manifest ${reference}`);
      }
      default:
        return notAllowed();
    }
  }

  async #referrers({
    repository,
    digest,
    query,
  }: Extract<Route, { kind: "referrers" }>): Promise<RegistryResponse> {
    const type = query.get("artifactType");
    const all = await this.#options.store.referrers(repository, digest);
    const manifests = type === null ? all : all.filter(({ artifactType }) => artifactType === type);
    const filtered = type === null ? {} : { "oci-filters-applied": "artifactType" };
    const index = { schemaVersion: 2, mediaType: indexType, manifests };
    return json(200, index, { "content-type": indexType, ...filtered });
  }

  async #blob(request: RegistryRequest, repository: string, digest: string): Promise<RegistryResponse> {
    const { store } = this.#options;
    const size = await store.holds(repository, digest);
    if (size === undefined) return failure(404, "BLOB_UNKNOWN", `${repository} has no blob ${digest}`);
    if (request.method === "DELETE") {
      await store.unlink(repository, digest);
      return { status: 202, headers: {}, body: nothing };
    }
    if (!reads(request)) return notAllowed();
    if (request.method === "HEAD") await store.keep(digest);
    const headers = {
      "content-type": "application/octet-stream",
      "accept-ranges": "bytes",
      "docker-content-digest": digest,
    };
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers["range"] ?? "");
    const start = Number(range?.[1] ?? 0);
    const end = Math.min(range?.[2] ? Number(range[2]) : size - 1, size - 1);
    if (range !== null && (start >= size || end < start))
      return { status: 416, headers: { ...headers, "content-range": `bytes */${size}` }, body: nothing };
    const length = String(range === null ? size : end - start + 1);
    const part = range === null ? {} : { "content-range": `bytes ${start}-${end}/${size}` };
    return {
      status: range === null ? 200 : 206,
      headers: { ...headers, ...part, "content-length": length },
      body: request.method === "HEAD" || size === 0 ? nothing : store.read(digest, start, end),
    };
  }

  async #startUpload(
    request: RegistryRequest,
    { repository, query }: Extract<Route, { kind: "uploads" }>,
  ): Promise<RegistryResponse> {
    const { store, random } = this.#options;
    const [mount, from, digest] = [query.get("mount"), query.get("from"), query.get("digest")];
    if (mount !== null && from !== null && (await store.mount(from, repository, mount)))
      return created(repository, mount);
    const id = uuid(random);
    await store.startUpload(id);
    if (digest === null) return accepted(repository, id, 0);
    await store.appendUpload(id, request.body, undefined);
    await store.finishUpload(id, repository, digest);
    return created(repository, digest);
  }

  async #upload(
    request: RegistryRequest,
    { repository, id, query }: Extract<Route, { kind: "upload" }>,
  ): Promise<RegistryResponse> {
    const { store } = this.#options;
    const size = await store.uploadSize(id);
    if (size === undefined) return failure(404, "BLOB_UPLOAD_UNKNOWN", "no such upload; start again");
    const start = /^(?:bytes )?(\d+)-/.exec(request.headers["content-range"] ?? "")?.[1];
    switch (request.method) {
      case "GET":
        return { ...accepted(repository, id, size), status: 204 };
      case "PATCH":
        return accepted(repository, id, await store.appendUpload(id, request.body, offset(start)));
      case "PUT": {
        const digest = query.get("digest");
        if (digest === null) return failure(400, "DIGEST_INVALID", "?digest= is missing");
        await store.appendUpload(id, request.body, offset(start));
        await store.finishUpload(id, repository, digest);
        return created(repository, digest);
      }
      case "DELETE":
        await store.dropUpload(id);
        return { status: 204, headers: {}, body: nothing };
      default:
        return notAllowed();
    }
  }
}

/** Whether a write failed for want of space. */
function isFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT";
}

function reads({ method }: RegistryRequest): boolean {
  return method === "GET" || method === "HEAD";
}

const manifestType = "application/vnd.oci.image.manifest.v1+json";
const indexType = "application/vnd.oci.image.index.v1+json";
const nothing = new Uint8Array();

function offset(start: string | undefined): number | undefined {
  return start === undefined ? undefined : Number(start);
}

function accepted(repository: string, id: string, size: number): RegistryResponse {
  const headers = {
    location: `/v2/${repository}/blobs/uploads/${id}`,
    range: rangeOf(size),
    "docker-upload-uuid": id,
  };
  return { status: 202, headers, body: nothing };
}

function rangeOf(size: number): string {
  return `0-${Math.max(0, size - 1)}`;
}

function created(repository: string, digest: string): RegistryResponse {
  const location = `/v2/${repository}/blobs/${digest}`;
  return { status: 201, headers: { location, "docker-content-digest": digest }, body: nothing };
}

function notAllowed(): RegistryResponse {
  return failure(405, "UNSUPPORTED", "this path does not take this method");
}

function failure(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): RegistryResponse {
  return json(status, { errors: [{ code, message }] }, headers);
}

function json(status: number, value: unknown, headers: Readonly<Record<string, string>>): RegistryResponse {
  const body = new TextEncoder().encode(JSON.stringify(value));
  return { status, headers: { "content-type": "application/json", ...headers }, body };
}
