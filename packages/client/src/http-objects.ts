import type { KubeList, KubeObject, WatchEvent } from "@selvedge/apimachinery";
import { collectBytes, parseJson } from "@selvedge/base";
import { ApiError, type Status } from "./errors.ts";
import type { HttpRequest, HttpResponse, HttpTransport } from "./http-transport.ts";
import type {
  DeleteOptions,
  KindRef,
  ListOptions,
  Objects,
  PatchType,
  WatchOptions,
  WriteOptions,
} from "./objects.ts";

/** A page of a thousand of the largest objects there can be is larger; no list that anybody can use is. */
const answerMax = 256 * 1024 * 1024;
/** The largest object a store takes is 1.5 MiB; an event has one, with its wrapping. */
const eventMax = 8 * 1024 * 1024;

const patchTypes: Readonly<Record<PatchType, string>> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};

/** The objects of an API server, over HTTP. */
export class HttpObjects implements Objects {
  readonly #transport: HttpTransport;

  constructor(transport: HttpTransport) {
    this.#transport = transport;
  }

  async get<T extends KubeObject>(kind: KindRef, name: string, namespace?: string): Promise<T> {
    return await this.#ask(kind, { method: "GET", path: pathOf(kind, namespace, name) });
  }

  async list<T extends KubeObject>(kind: KindRef, options: ListOptions = {}): Promise<KubeList<T>> {
    const path = pathOf(kind, options.namespace) + queryOf(selection(options));
    return await this.#ask(kind, { method: "GET", path });
  }

  async *watch<T extends KubeObject>(kind: KindRef, options: WatchOptions): AsyncGenerator<WatchEvent<T>> {
    const query = queryOf({ ...selection(options), watch: "1", allowWatchBookmarks: "true" });
    const path = pathOf(kind, options.namespace) + query;
    const headers = { accept: "application/json" };
    const response = await this.#transport.send({ method: "GET", path, headers, signal: options.signal });
    if (response.status !== 200) throw await refusalOf(response);
    for await (const line of linesOf(response.body)) yield readAs(kind, line) as WatchEvent<T>;
  }

  async create<T extends KubeObject>(kind: KindRef, object: T, options: WriteOptions = {}): Promise<T> {
    const { name, namespace } = object.metadata;
    const target = options.subresource === undefined ? undefined : name;
    const path = pathOf(kind, namespace, target, options.subresource) + queryOf(writing(options));
    return await this.#ask(kind, { method: "POST", path, body: object });
  }

  async update<T extends KubeObject>(kind: KindRef, object: T, options: WriteOptions = {}): Promise<T> {
    const { name, namespace } = object.metadata;
    const path = pathOf(kind, namespace, name, options.subresource) + queryOf(writing(options));
    return await this.#ask(kind, { method: "PUT", path, body: object });
  }

  async updateStatus<T extends KubeObject>(kind: KindRef, object: T): Promise<T> {
    return await this.update(kind, object, { subresource: "status" });
  }

  async patch<T extends KubeObject>(
    kind: KindRef,
    name: string,
    namespace: string | undefined,
    type: PatchType,
    patch: unknown,
    options: WriteOptions = {},
  ): Promise<T> {
    const path = pathOf(kind, namespace, name, options.subresource) + queryOf(writing(options));
    return await this.#ask(kind, { method: "PATCH", path, body: patch, contentType: patchTypes[type] });
  }

  async delete(kind: KindRef, name: string, namespace?: string, options: DeleteOptions = {}): Promise<void> {
    const body = { apiVersion: "v1", kind: "DeleteOptions", ...options };
    await this.#ask(kind, { method: "DELETE", path: pathOf(kind, namespace, name), body });
  }

  async #ask<T>(kind: KindRef, question: Question): Promise<T> {
    const { method, path, body, contentType = "application/json" } = question;
    const content = body === undefined ? {} : { "content-type": contentType };
    const request: HttpRequest = {
      ...{ method, path, headers: { accept: "application/json", ...content } },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    };
    const response = await this.#transport.send(request);
    if (response.status >= 400) throw await refusalOf(response);
    return readAs(kind, await textOf(response)) as T;
  }
}

function readAs({ keepsIntegers }: KindRef, text: string): unknown {
  return keepsIntegers === undefined ? JSON.parse(text) : parseJson(text, keepsIntegers);
}

interface Question {
  readonly method: HttpRequest["method"];
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
}

/** `/apis/apps/v1/namespaces/shop/deployments/web/scale` */
function pathOf(kind: KindRef, namespace?: string, name?: string, subresource?: string): string {
  const { group, version, plural, namespaced } = kind;
  const parts = group === "" ? ["api", version] : ["apis", group, version];
  if (namespaced && namespace !== undefined) parts.push("namespaces", namespace);
  parts.push(plural);
  if (name !== undefined) parts.push(name);
  if (subresource !== undefined) parts.push(subresource);
  return `/${parts.map(segment).join("/")}`;
}

/** One part of a path. Dots alone would lead elsewhere, whatever they are encoded as. */
function segment(part: string): string {
  if (part === "" || part === "." || part === "..")
    throw new RangeError(`${JSON.stringify(part)} is no name`);
  return encodeURIComponent(part);
}

type Query = Readonly<Record<string, string | number | undefined>>;

function queryOf(query: Query): string {
  const said = Object.entries(query).filter(([, value]) => value !== undefined);
  const pairs = said.map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`);
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

function selection({
  labelSelector,
  fieldSelector,
  limit,
  continue: next,
  resourceVersion,
}: ListOptions): Query {
  return { labelSelector, fieldSelector, limit, continue: next, resourceVersion };
}

function writing({ fieldManager, force, dryRun }: WriteOptions): Query {
  return { fieldManager, force: force ? "true" : undefined, dryRun: dryRun ? "All" : undefined };
}

async function textOf({ body }: HttpResponse): Promise<string> {
  const tooLong = `the API server's answer is longer than ${answerMax} bytes`;
  return new TextDecoder().decode(await collectBytes(body, answerMax, () => new Error(tooLong)));
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const part of body) {
    rest += decoder.decode(part, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > eventMax) throw new Error(`an event of a watch is longer than ${eventMax} characters`);
    for (const line of lines) if (line.trim() !== "") yield line;
  }
  // What is left without its end was cut off: the watch goes on elsewhere.
}

const reasons: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  409: "Conflict",
  410: "Expired",
  415: "UnsupportedMediaType",
  422: "Invalid",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
  504: "Timeout",
};

async function refusalOf(response: HttpResponse): Promise<ApiError> {
  const text = await textOf(response);
  const status = statusOf(text);
  const reason = status?.reason || reasons[response.status] || "Unknown";
  // Something between us and the server may answer in its own words; a page of HTML helps nobody.
  const message = status?.message || `the server answers ${response.status}: ${text.trim().slice(0, 200)}`;
  return new ApiError(message, reason, status?.code ?? response.status, status);
}

function statusOf(text: string): Status | undefined {
  try {
    const value = JSON.parse(text) as Partial<Status> | null;
    return value?.kind === "Status" ? (value as Status) : undefined;
  } catch {
    return undefined;
  }
}
