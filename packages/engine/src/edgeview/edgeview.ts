/**
 * Remote access in EVE's manner: the node and whoever looks at it both dial a dispatcher, which joins them.
 * The configuration says for how long and at what may be looked; every command is written down.
 */
import { describeError, type Instant, millis, sleep } from "@selvedge/base";
import type { AppId, DesiredState, EdgeviewSpec } from "../desired.ts";
import { sshClientOf } from "./client-auth.ts";
import type { NetTarget } from "./edgeview-net.ts";
import type { EdgeviewParts } from "./edgeview-parts.ts";
import { type Addresses, screenOf, type Target, type Touched } from "./policy.ts";
import { Session } from "./session.ts";
import { type AccessToken, readToken, UnknownSignerError } from "./token.ts";
import { viewsOf } from "./views.ts";

/** EVE's setting with the SSH keys that may sign commands. */
const sshKeys = "edgeview.authen.publickey";
/** The controller's certificates may come after the configuration that needs them. */
const tokenAgainMs = 60_000;
/** A timer cannot be set for longer. */
const waitMaxMs = 2 ** 30;

export class Edgeview implements AsyncDisposable {
  readonly #parts: EdgeviewParts;
  #current: string | undefined;
  #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #unsubscribe = (): void => {};

  constructor(parts: EdgeviewParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#unsubscribe = this.#parts.store.desired.subscribe(() => this.#follow());
    this.#follow();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unsubscribe();
    this.#stop.abort(new Error("the engine stops"));
    await this.#running;
  }

  /** Sessions go on as long as what they were opened by stays as it is. */
  #follow(): void {
    const desired = this.#parts.store.desired.get();
    const spec = desired?.edgeview;
    const wanted = spec && JSON.stringify([spec, desired?.settings.get(sshKeys) ?? ""]);
    if (wanted === this.#current) return;
    this.#current = wanted;
    this.#stop.abort(new Error("remote access is configured otherwise"));
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    const before = this.#running;
    this.#running = before.then(async () => {
      this.#parts.store.edgeview.set(undefined);
      if (spec !== undefined && desired !== undefined) await this.#run(spec, desired, signal);
    });
  }

  async #run(spec: EdgeviewSpec, desired: DesiredState, signal: AbortSignal): Promise<void> {
    const { clock, log, store, net, reports, controllerHost } = this.#parts;
    const token = await this.#open(spec, desired.nodeId, signal);
    if (token === undefined) return;
    const startedAt = clock.now();
    store.edgeview.set({ expiresAt: token.expiresAt, startedAt, device: 0, app: 0, external: 0 });
    const over = new AbortController();
    const sessions = Array.from({ length: token.instances }, (_, at) =>
      new Session({
        ...{ net, clock, log, spec, token, instance: at + 1 },
        hostname: desired.nodeName,
        looks: {
          ...{ views: viewsOf(this.#parts), net, reports, controllerHost },
          ...{ nodeName: desired.nodeName, now: () => clock.now() },
        },
        addresses: () => this.#addresses(),
        locate: (target) => this.#locate(target),
        clientOf: (message, signature) => this.#clientOf(token, message, signature),
        used: (touched) => this.#used(touched),
      }).run(AbortSignal.any([signal, over.signal])),
    );
    await this.#untilExpiry(token.expiresAt, signal);
    over.abort(new Error("the token has expired"));
    await Promise.all(sessions);
    if (!signal.aborted) store.edgeview.set(undefined);
    log.info("EdgeView has ended", { expired: !signal.aborted });
  }

  /** Undefined once nobody wants it any more, or the token can never open anything. */
  async #open(spec: EdgeviewSpec, node: string, signal: AbortSignal): Promise<AccessToken | undefined> {
    const { clock, log, isFromController } = this.#parts;
    for (let said = ""; !signal.aborted; ) {
      try {
        return readToken(spec.token, node, clock.now(), isFromController);
      } catch (error) {
        const why = describeError(error);
        if (why !== said) log.warn("EdgeView stays closed", { error: why });
        said = why;
        if (!(error instanceof UnknownSignerError)) return undefined;
      }
      await sleep(clock, millis(tokenAgainMs), signal).catch(() => {});
    }
    return undefined;
  }

  async #untilExpiry(at: Instant, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    for (let left = at - clock.now(); left > 0 && !signal.aborted; left = at - clock.now())
      await sleep(clock, millis(Math.min(left, waitMaxMs)), signal).catch(() => {});
  }

  async #addresses(): Promise<Addresses> {
    const { store, host } = this.#parts;
    const gateways = store.desired.get()?.networks.map(({ gateway }) => gateway) ?? [];
    const apps = store.nics
      .entries()
      .flatMap(([, nic]) => (nic.phase === "ready" ? [bare(nic.address)] : []));
    return {
      device: new Set([await host.internalIp(), ...gateways]),
      apps: new Set(apps),
      appCards: new Set([
        ...store.nics.entries().flatMap(([, nic]) => (nic.phase === "ready" ? [nic.tap] : [])),
        ...store.networks
          .entries()
          .flatMap(([, row]) => (row.phase === "ready" ? [row.bridge, row.carries ?? ""] : [])),
      ]),
      screens: new Set(this.#screens().map(([, it]) => it)),
    };
  }

  async #locate(target: Target): Promise<NetTarget> {
    const number = screenOf(target);
    if (number === undefined) return target;
    const app = this.#screens().find(([, screen]) => screen === number)?.[0];
    const path = app && (await this.#parts.screen(app));
    return path === undefined ? target : { path };
  }

  #screens(): [AppId, number][] {
    const apps = this.#parts.store.desired.get()?.apps ?? [];
    return apps.flatMap(({ id, foreign }): [AppId, number][] => {
      const screen = foreign?.vm?.screen;
      return screen === undefined ? [] : [[id, screen]];
    });
  }

  async #clientOf(
    { clients }: AccessToken,
    message: Uint8Array,
    signature: Uint8Array,
  ): Promise<string | undefined> {
    const { store, isFromController } = this.#parts;
    if (clients === "controller") return isFromController(message, signature) ? "the controller" : undefined;
    return await sshClientOf(store.desired.get()?.settings.get(sshKeys) ?? "", message, signature);
  }

  #used(touched: readonly Touched[]): void {
    const { edgeview } = this.#parts.store;
    const before = edgeview.get();
    if (before === undefined) return;
    const count = (what: Touched): number => before[what] + touched.filter((it) => it === what).length;
    edgeview.set({ ...before, device: count("device"), app: count("app"), external: count("external") });
  }
}

function bare(address: string): string {
  return address.split("/")[0] ?? "";
}
