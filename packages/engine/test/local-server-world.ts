/** A scripted local profile server, and an engine whose configuration names it. */
import assert from "node:assert/strict";
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { config } from "@selvedge/eve-api";
import type { AppId } from "../src/desired.ts";
import { type HttpClient, HttpError, type HttpRequest, type HttpResponse } from "../src/host/http.ts";
import { ControlWorld, type RunningEngine } from "./control-world.ts";
import { nodeId } from "./scripted-gateway.ts";

export const app: AppId = "22222222-2222-4222-8222-222222222222" as AppId;
export const content = "33333333-3333-4333-8333-333333333333";
const volume = "44444444-4444-4444-8444-444444444444";

type Answer = { readonly status: number; readonly body?: Uint8Array };

export class Server implements HttpClient {
  readonly asked: { path: string; body: Uint8Array }[] = [];
  readonly answers: Record<string, Answer> = {};
  /** Of a server for files beside it. */
  readonly uploads: (Pick<HttpRequest, "method" | "headers" | "body"> & { path: string })[] = [];
  online = true;
  #lines: ((line: string) => void) | undefined;

  async send({
    method,
    url,
    headers = {},
    body = new Uint8Array(),
    signal,
  }: HttpRequest): Promise<HttpResponse> {
    if (!this.online) throw new HttpError("the server is away");
    const { host, pathname } = new URL(url);
    if (host === "files.example") {
      this.uploads.push({ method, path: pathname, headers, body });
      return { status: method === "PUT" ? 201 : 405, headers: {}, body: once(new Uint8Array()) };
    }
    assert.equal(host, "10.1.0.5:8888");
    const path = pathname.replace("/api/v1/", "");
    this.asked.push({ path, body });
    const { status, body: answer = new Uint8Array() } = this.answers[path] ?? { status: 404 };
    const lines = path === "signal" && status === 200;
    return { status, headers: {}, body: lines ? this.#stream(signal) : once(answer) };
  }

  count(path: string): number {
    return this.asked.filter((it) => it.path === path).length;
  }

  last<D extends DescMessage>(path: string, schema: D): MessageShape<D> {
    return fromBinary(schema, this.asked.findLast((it) => it.path === path)?.body ?? new Uint8Array());
  }

  say<D extends DescMessage>(path: string, schema: D, value: MessageInitShape<D>): void {
    this.answers[path] = { status: 200, body: toBinary(schema, create(schema, value) as MessageShape<D>) };
  }

  signal(line: string): void {
    this.#lines?.(`${line}\n`);
  }

  async *#stream(signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    for (;;) {
      const line = await new Promise<string | undefined>((resolve) => {
        this.#lines = resolve;
        signal?.addEventListener("abort", () => resolve(undefined));
      });
      if (line === undefined) return;
      yield new TextEncoder().encode(line);
    }
  }
}

async function* once(body: Uint8Array): AsyncGenerator<Uint8Array> {
  if (body.length > 0) yield body;
}

export async function start(
  server: Server,
  token = "secret",
  more: MessageInitShape<typeof config.EdgeDevConfigSchema> = {},
): Promise<{ world: ControlWorld; engine: RunningEngine }> {
  const world = new ControlWorld();
  world.local = server;
  world.gateway.config = create(config.EdgeDevConfigSchema, {
    ...{ id: { uuid: nodeId }, globalProfile: "day", localProfileServer: "10.1.0.5" },
    profileServerToken: token,
    datastores: [{ id: "d", dType: 5, fqdn: "docker://r" }],
    contentInfo: [{ uuid: content, URL: "web:1", iformat: 8, dsIdsList: ["d"] }],
    volumes: [{ uuid: volume, origin: { type: 2, downloadContentTreeID: content } }],
    apps: [
      {
        uuidandversion: { uuid: app, version: "1" },
        ...{ displayname: "web", activate: true, profileList: ["night"], restart: { counter: 4 } },
        fixedresources: { memory: 65_536, vcpus: 1 },
        volumeRefList: [{ uuid: volume }],
      },
    ],
    ...(more as object),
  });
  const engine = await world.engine();
  await world.until("accepted", () => engine.store.desired.get() !== undefined);
  return { world, engine };
}
