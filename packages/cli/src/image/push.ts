/**
 * Publishes an image: what the registry has is not sent again, what a cut interrupted goes on where it
 * stopped.
 */
import { createReadStream } from "node:fs";
import { type Clock, describeError, millis, sleep } from "@selvedge/base";
import { type Descriptor, mediaTypes } from "./image-config.ts";
import type { OciLayout } from "./oci-layout.ts";
import { type RegistryAnswer, RegistryError, RegistryHttp } from "./registry-http.ts";
import type { RegistryTarget } from "./registry-target.ts";

export interface PushOptions {
  readonly layout: OciLayout;
  readonly manifest: Descriptor;
  readonly target: RegistryTarget;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly report: (line: string) => void;
}

/** One request's share of a layer: small enough that a cut costs little, large enough to be few. */
const chunkBytes = 8 * 1024 * 1024;
/** Cuts in a row that one blob survives before the push gives up. */
const cutsMax = 8;
const waitFirst = 250;
const waitMax = 10_000;
/** An index may hold indexes; deeper than this is a circle or a trap. */
const depthMax = 4;

/** Resolves with the digest that the tag now stands for. */
export async function pushImage(options: PushOptions): Promise<string> {
  const { target, manifest, signal } = options;
  using http = new RegistryHttp(target, signal);
  await new Push(options, http).manifest(manifest, target.tag, 0);
  return manifest.digest;
}

class Push {
  readonly #options: PushOptions;
  readonly #http: RegistryHttp;

  constructor(options: PushOptions, http: RegistryHttp) {
    this.#options = options;
    this.#http = http;
  }

  /** Children first: a registry takes a manifest only when it has what the manifest names. */
  async manifest(descriptor: Descriptor, name: string, depth: number): Promise<void> {
    if (depth > depthMax)
      throw new RegistryError(`the image's indexes are nested more than ${depthMax} deep`);
    const bytes = await this.#options.layout.read(descriptor.digest);
    const document = JSON.parse(new TextDecoder().decode(bytes)) as {
      mediaType?: string;
      manifests?: Descriptor[];
      config?: Descriptor;
      layers?: Descriptor[];
    };
    for (const child of document.manifests ?? []) await this.manifest(child, child.digest, depth + 1);
    const { config, layers = [] } = document;
    for (const blob of [...layers, ...(config === undefined ? [] : [config])]) await this.#blob(blob);
    const type = descriptor.mediaType || document.mediaType || mediaTypes.manifest;
    await this.#retry(`manifest ${name}`, async () => {
      const answer = await this.#http.send({
        method: "PUT",
        url: this.#url(`manifests/${name}`),
        headers: { "content-type": type },
        body: bytes,
      });
      expect(answer, [201], `manifest ${name}`);
    });
  }

  async #blob(blob: Descriptor): Promise<void> {
    const { report } = this.#options;
    const label = `${blob.digest.slice(0, 19)} (${sizeText(blob.size)})`;
    let upload: URL | undefined;
    const sent = await this.#retry(`blob ${blob.digest}`, async () => {
      const head = await this.#http.send({ method: "HEAD", url: this.#url(`blobs/${blob.digest}`) });
      if (head.status === 200) return false;
      expect(head, [404], `blob ${blob.digest}`);
      let offset = 0;
      if (upload !== undefined) ({ upload, offset } = await this.#resume(upload));
      upload ??= await this.#startUpload();
      while (offset < blob.size) {
        upload = await this.#chunk(blob, upload, offset);
        offset = Math.min(blob.size, offset + chunkBytes);
      }
      const url = new URL(upload);
      url.searchParams.set("digest", blob.digest);
      expect(
        await this.#http.send({ method: "PUT", url, body: new Uint8Array() }),
        [201],
        `blob ${blob.digest}`,
      );
      return true;
    });
    report(`  ${label} ${sent ? "sent" : "is there already"}`);
  }

  async #startUpload(): Promise<URL> {
    const answer = await this.#http.send({
      method: "POST",
      url: this.#url("blobs/uploads/"),
      body: new Uint8Array(),
    });
    expect(answer, [202], "starting an upload");
    return this.#location(answer);
  }

  async #chunk(blob: Descriptor, upload: URL, offset: number): Promise<URL> {
    const end = Math.min(blob.size, offset + chunkBytes);
    const file = this.#options.layout.path(blob.digest);
    const answer = await this.#http.send({
      method: "PATCH",
      url: upload,
      headers: {
        "content-type": "application/octet-stream",
        "content-range": `${offset}-${end - 1}`,
        "content-length": String(end - offset),
      },
      body: () => createReadStream(file, { start: offset, end: end - 1 }),
    });
    expect(answer, [202], `blob ${blob.digest}`);
    return this.#location(answer);
  }

  /** Where an interrupted upload stands; a registry that has forgotten it means starting again. */
  async #resume(upload: URL): Promise<{ upload: URL | undefined; offset: number }> {
    const answer = await this.#http.send({ method: "GET", url: upload });
    const last = Number(/^0-(\d+)$/.exec(answer.headers["range"] ?? "")?.[1] ?? 0);
    if (answer.status !== 204) return { upload: undefined, offset: 0 };
    // "0-0" is what registries say for nothing; for one byte it would be the same, and that byte is sent
    // again.
    return last === 0
      ? { upload: undefined, offset: 0 }
      : { upload: this.#location(answer, upload), offset: last + 1 };
  }

  /** Repeats what a cut or a registry out of breath interrupted; a refusal is final. */
  async #retry<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    const { clock, signal, report } = this.#options;
    for (let cuts = 0; ; cuts++) {
      try {
        return await attempt();
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof RegistryError || cuts >= cutsMax) throw error;
        const wait = Math.min(waitMax, waitFirst * 2 ** cuts);
        report(`  ${what}: ${describeError(error)}; going on in ${wait / 1000} s`);
        await sleep(clock, millis(wait), signal);
      }
    }
  }

  #url(path: string): URL {
    const { base, repository } = this.#options.target;
    return new URL(`${repository}/${path}`, base);
  }

  #location(answer: RegistryAnswer, otherwise?: URL): URL {
    const { location } = answer.headers;
    if (location !== undefined) return new URL(location, this.#options.target.base);
    if (otherwise !== undefined) return otherwise;
    throw new RegistryError("the registry does not say where to upload to");
  }
}

/** Too many requests, and faults of the moment: the same request may succeed later. */
function isPassing(status: number): boolean {
  return status === 408 || status === 416 || status === 429 || status >= 500;
}

function expect(answer: RegistryAnswer, wanted: readonly number[], what: string): void {
  if (wanted.includes(answer.status)) return;
  const text = `${what}: the registry answers ${answer.status} ${answer.text.slice(0, 300)}`.trim();
  throw isPassing(answer.status) ? new Error(text) : new RegistryError(text);
}

function sizeText(bytes: number): string {
  if (bytes < 10_000) return `${bytes} bytes`;
  return bytes < 10_000_000 ? `${(bytes / 1000).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
