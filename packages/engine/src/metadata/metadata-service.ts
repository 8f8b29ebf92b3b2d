/**
 * What apps can ask the node at 169.254.169.254: who they are and by which addresses they are seen, what their
 * controller has for them, the node's signature, and what they have to tell their controller. Paths, statuses
 * and words are EVE's, so that an app made for it finds what it knows.
 */
import type { Clock, Log, Millis } from "@selvedge/base";
import { locationOf, locationWords } from "../control/report/location-info.ts";
import type { AppId, DesiredState } from "../desired.ts";
import type { EngineStore } from "../engine-store.ts";
import { familyOf } from "../network/address.ts";
import { interfacesOf } from "../network/port-labels.ts";
import type { LinkCounters, PostedKind } from "../observed.ts";
import type { SecretOpener } from "../ports.ts";
import { appInfoAnswer, blobAnswer, type ContentOf } from "./app-blobs.ts";
import { type CredentialTpm, credentialAnswer } from "./credential.ts";
import {
  type Caller,
  json,
  jsonRefusal,
  type MetadataAnswer,
  type MetadataRequest,
  noContent,
  refusal,
} from "./exchange.ts";
import { modemMetricWords, modemStatusWords } from "./modem-words.ts";
import { openStackAnswer } from "./openstack.ts";
import { patchAnswer } from "./patch-answers.ts";
import type { PatchBook } from "./patch-book.ts";
import type { PostedData } from "./posted-data.ts";
import { Rate } from "./rate.ts";

export interface MetadataParts {
  readonly store: EngineStore;
  readonly clock: Clock;
  readonly secrets: SecretOpener;
  readonly posted: PostedData;
  readonly patches: PatchBook;
  /** An envelope over any bytes, by the node's key. */
  readonly tpm: CredentialTpm;
  readonly log: Log;
  readonly envelope: (payload: Uint8Array) => Promise<Uint8Array>;
  /** Addresses of the node's own cards, and what went through them. */
  readonly cards: {
    addresses(): Promise<ReadonlyMap<string, readonly string[]>>;
    counters(): Promise<ReadonlyMap<string, LinkCounters>>;
  };
  /** How the node fares, in a few lines for people. */
  readonly diagnosis: () => Promise<string>;
  /** In Prometheus' text format. */
  readonly nodeMetrics: () => Promise<string>;
  readonly settings: {
    number(key: "msrv.prometheus.metrics.rps" | "msrv.prometheus.metrics.burst"): number;
    seconds(key: "msrv.prometheus.metrics.idletimeout.seconds"): Millis;
  };
}

/** EVE's bounds. */
const signerMax = 65_535;
const postedMax = 32_768;

const folders = /^\/(?:eve\/v1\/patch|eve\/app-custom-blobs|openstack)(?:\/|$)/;
/** What is posted to, and what says itself which methods it takes. */
const takesOthers = /^\/(?:metrics|eve\/v1\/(?:kubeconfig|app\/appCustomStatus|diag|tpm\/\w+))$/;

type Route = (
  request: MetadataRequest,
  caller: Caller | undefined,
) => Promise<MetadataAnswer> | MetadataAnswer;

export class MetadataService {
  readonly #parts: MetadataParts;
  readonly #rate: Rate;
  readonly #routes: ReadonlyMap<string, Route>;

  constructor(parts: MetadataParts) {
    this.#parts = parts;
    this.#rate = new Rate(parts.clock);
    this.#routes = new Map<string, Route>([
      ["/eve/v1/network.json", (request, caller) => this.#network(request, caller)],
      ["/eve/v1/external_ipv4", (_request, caller) => this.#externalIpv4(caller)],
      ["/eve/v1/hostname", (_request, caller) => hostname(caller)],
      ["/eve/v1/kubeconfig", (request, caller) => this.#post(request, caller, "kubeconfig")],
      ["/eve/v1/app/appCustomStatus", (request, caller) => this.#post(request, caller, "status")],
      ["/eve/v1/location.json", () => this.#location()],
      ["/eve/v1/wwan/status.json", () => jsonOrNothing(modemStatusWords(parts.store.ports.get()))],
      ["/eve/v1/wwan/metrics.json", () => jsonOrNothing(modemMetricWords(parts.store.ports.get()))],
      ["/eve/v1/diag", (request, caller) => this.#diag(request, caller)],
      ["/eve/v1/discover-network.json", (_request, caller) => this.#discover(caller)],
      ["/eve/v1/networks/metrics.json", () => this.#ports()],
      ["/eve/v1/app/info.json", (_request, caller) => appInfoAnswer(caller, ...this.#configured)],
      ["/eve/v1/tpm/signer", (request, caller) => this.#sign(request, caller)],
      ["/eve/v1/tpm/activatecredential", (request, caller) => credentialAnswer(request, caller, this.#parts)],
      ["/metrics", (_request, caller) => this.#metrics(caller)],
    ]);
  }

  async answer(request: MetadataRequest): Promise<MetadataAnswer> {
    const caller = this.#caller(request.address);
    const path = request.path.length > 1 ? request.path.replace(/\/$/, "") : request.path;
    const route = this.#routes.get(path);
    const isThere = route !== undefined || folders.test(path);
    if (isThere && request.method !== "GET" && !takesOthers.test(path)) return { status: 405 };
    if (route !== undefined) return await route(request, caller);
    if (path.startsWith("/eve/v1/patch/")) return await patchAnswer(path, caller, this.#parts.patches);
    const blob = blobAnswer(path, caller, ...this.#configured);
    if (blob !== undefined) return blob;
    if (path === "/openstack" || path.startsWith("/openstack/"))
      return await openStackAnswer(path, caller, this.#parts.secrets);
    return refusal(404, "404 page not found");
  }

  get #configured(): readonly [DesiredState | undefined, ContentOf] {
    const { store } = this.#parts;
    return [store.desired.get(), (id) => store.contents.get(id)];
  }

  #caller(address: string): Caller | undefined {
    const { store } = this.#parts;
    for (const [key, plug] of store.nics.entries()) {
      if (plug.phase !== "ready" || plug.address.replace(/\/.*/, "") !== address) continue;
      const app = store.desired.get()?.apps.find(({ id }) => id === plug.appId);
      const nic = app?.nics.find(({ name }) => key === `${plug.appId}/${name}`);
      if (app !== undefined && nic !== undefined) return { id: plug.appId, app, nic, plug };
    }
    return undefined;
  }

  async #externalAddresses(
    caller: Caller | undefined,
  ): Promise<{ status: number; addresses: readonly string[] }> {
    const desired = this.#parts.store.desired.get();
    const network = desired?.networks.find(({ id }) => id === caller?.plug.networkId);
    if (network === undefined) return { status: 404, addresses: [] };
    if (network.port === "") return { status: 204, addresses: [] };
    const cards = network.port === undefined ? undefined : interfacesOf(desired?.ports ?? [], network.port);
    const all = await this.#parts.cards.addresses();
    const named = cards ?? [...all.keys()].filter((card) => isUplink(desired, card));
    const addresses = named
      .flatMap((card) => all.get(card) ?? [])
      .filter((it) => familyOf(it) === "ip" && !it.startsWith("169.254."));
    return { status: addresses.length === 0 ? 204 : 200, addresses };
  }

  async #network(request: MetadataRequest, caller: Caller | undefined): Promise<MetadataAnswer> {
    const { status, addresses } = await this.#externalAddresses(caller);
    if (status === 204) return noContent;
    const desired = this.#parts.store.desired.get();
    const names = desired?.node?.names;
    const body = {
      "app-instance-uuid": caller?.id ?? "",
      "caller-ip": `${request.address}:${request.port}`,
      "device-name": names?.device ?? "",
      "device-uuid": desired?.nodeId ?? "",
      "enterprise-id": names?.enterpriseId ?? "",
      "enterprise-name": names?.enterprise ?? "",
      "external-ipv4": addresses.join(","),
      hostname: caller?.id ?? "",
      "project-name": names?.project ?? "",
      "project-uuid": names?.projectId ?? "",
    };
    return { ...json(body), status };
  }

  async #externalIpv4(caller: Caller | undefined): Promise<MetadataAnswer> {
    const { status, addresses } = await this.#externalAddresses(caller);
    if (status !== 200) return { status };
    return { status, type: "text/plain", body: addresses.map((it) => `${it}\n`).join("") };
  }

  async #post(
    request: MetadataRequest,
    caller: Caller | undefined,
    kind: PostedKind,
  ): Promise<MetadataAnswer> {
    if (request.method !== "POST") return refusal(405, "appInstMetaHandler: request method is not Post");
    if (request.contentType !== "application/json")
      return refusal(415, "appInstMetaHandler: Content-Type header is not application/json");
    const body = await request.body(postedMax);
    if (body === undefined) return refusal(500, "Internal Server Error");
    if (caller === undefined) return noContent;
    await this.#parts.posted.post(caller.id, kind, body);
    return { status: 200 };
  }

  async #sign(request: MetadataRequest, caller: Caller | undefined): Promise<MetadataAnswer> {
    if (request.method !== "POST") return refusal(405, "signerHandler: request method is not POST");
    const payload = await request.body(signerMax);
    if (payload === undefined)
      return refusal(400, `signerHandler: size exceeds limit. Expected <= ${signerMax}`);
    // Whoever has the node's signature can speak for the node. EVE gives it to every app, and apps made for
    // EVE rely on it; a Pod has not asked to be trusted so.
    if (caller?.app.foreign === undefined) return forbidden("signerHandler", request);
    const body = await this.#parts.envelope(payload);
    return { status: 200, type: "application/x-proto-binary", body };
  }

  async #diag(request: MetadataRequest, caller: Caller | undefined): Promise<MetadataAnswer> {
    if (request.method !== "GET") return refusal(405, "diagHandler: request method is not GET");
    if (caller === undefined) return forbidden("diagHandler", request);
    return { status: 200, type: "text", body: await this.#parts.diagnosis() };
  }

  #location(): MetadataAnswer {
    const located = locationOf(this.#parts.store.ports.get());
    return jsonOrNothing(located && locationWords(located));
  }

  #discover(caller: Caller | undefined): MetadataAnswer {
    if (caller === undefined) return noContent;
    if (caller.nic.mayDiscover !== true)
      return jsonRefusal(403, "This app instance is not allowed to discover");
    const { store } = this.#parts;
    const others: Record<string, { port: string; "network-address": string }[]> = {};
    for (const id of store.apps.keys().sort()) if (id !== caller.id) others[id] = [];
    for (const [, plug] of store.nics.entries()) {
      if (plug.phase !== "ready" || plug.address === "") continue;
      others[plug.appId]?.push({ port: plug.tap, "network-address": plug.address.replace(/\/.*/, "") });
    }
    return json(others);
  }

  async #ports(): Promise<MetadataAnswer> {
    const { store, cards } = this.#parts;
    const [counters, addresses] = [await cards.counters(), await cards.addresses()];
    const names = store.desired.get()?.ports?.map((port) => port.interface) ?? [...addresses.keys()];
    return json(
      names.flatMap((name) => {
        const found = counters.get(name);
        return found === undefined ? [] : [portMetrics(name, (addresses.get(name) ?? []).length > 0, found)];
      }),
    );
  }

  async #metrics(caller: Caller | undefined): Promise<MetadataAnswer> {
    const { settings, store, nodeMetrics } = this.#parts;
    const limits = {
      perSecond: settings.number("msrv.prometheus.metrics.rps"),
      burst: settings.number("msrv.prometheus.metrics.burst"),
      idleMs: settings.seconds("msrv.prometheus.metrics.idletimeout.seconds"),
    };
    const known = (id: string): boolean => id === "" || store.apps.get(id as AppId) !== undefined;
    if (!this.#rate.takes(caller?.id ?? "", limits, known)) return refusal(429, "Too Many Requests");
    return { status: 200, type: "text/plain; version=0.0.4; charset=utf-8", body: await nodeMetrics() };
  }
}

function jsonOrNothing(words: object | undefined): MetadataAnswer {
  return words === undefined ? noContent : json(words);
}

function forbidden(what: string, { address }: MetadataRequest): MetadataAnswer {
  return refusal(403, `${what}: no AppNetworkStatus for ${address}`);
}

function hostname(caller: Caller | undefined): MetadataAnswer {
  if (caller === undefined) return noContent;
  return { status: 200, type: "text/plain", body: `${caller.id}\n` };
}

function isUplink(desired: DesiredState | undefined, card: string): boolean {
  const ports = desired?.ports?.filter(({ uplink }) => uplink) ?? [];
  // A node whose system has its own names for its cards leads outside by whatever has an address.
  return !ports.some((port) => port.interface === card) ? ports.length === 0 || !named(desired, card) : true;
}

function named(desired: DesiredState | undefined, card: string): boolean {
  return desired?.ports?.some((port) => port.interface === card) === true;
}

/** Go's names, since EVE's struct has no others. */
function portMetrics(name: string, up: boolean, it: LinkCounters): object {
  return {
    ...{ IfName: name, Up: up, TxBytes: Number(it.txBytes), RxBytes: Number(it.rxBytes) },
    ...{ TxDrops: Number(it.txDrops), RxDrops: Number(it.rxDrops) },
    ...{ TxPkts: Number(it.txPackets), RxPkts: Number(it.rxPackets) },
    ...{ TxErrors: Number(it.txErrors), RxErrors: Number(it.rxErrors) },
    ...{ TxACLDrops: Number(it.txDenied), RxACLDrops: Number(it.rxDenied) },
    ...{ TxACLRateLimitDrops: Number(it.txLimited), RxACLRateLimitDrops: Number(it.rxLimited) },
  };
}
