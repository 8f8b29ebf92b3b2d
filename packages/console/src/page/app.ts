/**
 * The page as a whole: where somebody is, what they see there, whether it is true. Everything comes from the
 * API and goes to the screen; nothing is kept but the place, which is in the address.
 *
 *   API ──► fleet, followers ──► paint ──► one view ──► screen
 *    └────► reach ──► banner; on its return everything is asked for anew
 */
import { type Clock, type Instant, type Log, millis, type Random, seconds, type Timer } from "@selvedge/base";
import { HttpObjects, type KindRef } from "@selvedge/client";
import { html, nothing, render, type TemplateResult } from "lit-html";
import { Access } from "./api/access.ts";
import { PageTransport } from "./api/page-transport.ts";
import { pulsePath, type Reach, ReachMonitor } from "./api/reach.ts";
import { Fleet } from "./fleet/fleet.ts";
import { FleetView } from "./fleet/fleet-view.ts";
import { edgeNodes, nodes, pods } from "./kinds.ts";
import { NodeView } from "./node/node-view.ts";
import type { Notice, Page, View } from "./page.ts";
import { PodView } from "./pod/pod-view.ts";
import { hashOf, parseRoute, type Route, wholeFleet } from "./routes.ts";
import { ask } from "./ui/dialog.ts";
import { reachBanner, reachLamp } from "./ui/reach-parts.ts";

/** Changes of so long are drawn at once: faster is read by nobody, and a fleet that reconnects changes all the time. */
const paintEvery = millis(150);
/** A picture of a large fleet takes its time: so much more is left to whoever types meanwhile. */
const restPerCost = 4;
/** Ages go on when nothing else does. */
const ageEvery = seconds(5);
const noticeAge = seconds(12);

export interface AppDeps {
  readonly key: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export class App {
  readonly #deps: AppDeps;
  readonly #reach: ReachMonitor;
  readonly #page: Page;
  #fleet: Fleet | undefined;
  /** What there is of the fleet is shown until the next is listed. */
  #isFleetKnown = false;
  #fleetFault = "";
  #route: Route = wholeFleet;
  #view: View | undefined;
  #notice: Notice | undefined;
  #noticeTimer: Timer | undefined;
  #painting: Timer | undefined;
  #painted = millis(0);
  /** How long the last picture took. */
  #cost = 0;

  constructor(deps: AppDeps) {
    this.#deps = deps;
    const { key, clock, random, log } = deps;
    this.#reach = new ReachMonitor({
      clock,
      pulse: async () =>
        void (await this.#page.transport.send({ method: "GET", path: pulsePath, headers: {} })),
      onChange: (reach, before) => this.#reached(reach, before),
    });
    const transport = new PageTransport(key, this.#reach);
    const objects = new HttpObjects(transport);
    this.#page = {
      ...{ transport, objects, clock, random, log },
      access: new Access(objects, () => this.#paint()),
      fleet: () => (this.#isFleetKnown ? this.#fleet?.rows() : undefined),
      paint: () => this.#paint(),
      go: (route, isSame) => this.#go(route, isSame),
      confirm: ask,
      tell: (notice) => this.#tell(notice),
    };
  }

  start(): void {
    this.#reach.start();
    addEventListener("hashchange", () => this.#arrive(parseRoute(location.hash), true));
    this.#arrive(parseRoute(location.hash), false);
    this.#followFleet();
    this.#age();
  }

  #followFleet(): void {
    this.#startFleet().catch((error: unknown) => this.#deps.log.warn("cannot follow the fleet", { error }));
  }

  async #startFleet(): Promise<void> {
    const { clock, random, log } = this.#deps;
    const { transport, access } = this.#page;
    const asked = [edgeNodes, nodes, pods].map(async (kind) => {
      const may = await Promise.all(["list", "watch"].map((verb) => access.ask(verb, kind)));
      return may.includes(false) ? [] : [kind];
    });
    const allowed: KindRef[] = (await Promise.all(asked)).flat();
    this.#fleetFault = fleetFault(allowed);
    const onChange = (): void => this.#paint();
    const next = new Fleet({ transport, clock, random, log, allowed, onChange });
    await next.start();
    const before = this.#fleet;
    this.#fleet = next;
    this.#isFleetKnown = true;
    this.#paint();
    await before?.[Symbol.asyncDispose]();
  }

  #reached(reach: Reach, before: Reach): void {
    if (reach.is === "here" && before.is === "away") {
      this.#followFleet();
      this.#view?.revive();
    }
    this.#paint();
  }

  #go(route: Route, isSame = false): void {
    if (isSame) history.replaceState(null, "", hashOf(route));
    else location.hash = hashOf(route);
    if (isSame) this.#arrive(route, false);
  }

  #arrive(route: Route, isMove: boolean): void {
    const isOther = route.at !== this.#route.at || hashOf(route) !== hashOf(this.#route);
    this.#route = route;
    if (this.#view?.move?.(route) === true) {
      this.#draw();
      return;
    }
    if (!isOther && this.#view !== undefined) return;
    void this.#view?.[Symbol.asyncDispose]();
    this.#view = this.#viewOf(route);
    this.#draw();
    if (!isMove) return;
    // As after a page that was loaded: from the top, and heard.
    scrollTo(0, 0);
    document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true });
  }

  #viewOf(route: Route): View | undefined {
    switch (route.at) {
      case "fleet":
        return new FleetView(this.#page, route);
      case "node":
        return new NodeView(this.#page, route.name);
      case "pod":
        return new PodView(this.#page, route.namespace, route.name);
      case "nowhere":
        return undefined;
    }
  }

  #tell(notice: Notice): void {
    this.#notice = notice;
    this.#noticeTimer?.cancel();
    // What went wrong stays until somebody has read it.
    if (notice.tone === "good") this.#noticeTimer = this.#deps.clock.setTimer(noticeAge, () => this.#hush());
    this.#paint();
  }

  #hush(): void {
    this.#notice = undefined;
    this.#paint();
  }

  #age(): void {
    this.#deps.clock.setTimer(ageEvery, () => {
      this.#paint();
      this.#age();
    });
  }

  /** Draws soon: at once when nothing was drawn lately, else with what changes until then. */
  #paint(): void {
    if (this.#painting !== undefined) return;
    const pause = Math.max(paintEvery, restPerCost * this.#cost);
    const wait = Math.max(0, this.#painted + pause - this.#deps.clock.monotonic());
    this.#painting = this.#deps.clock.setTimer(millis(wait), () => this.#draw());
  }

  #draw(): void {
    this.#painting?.cancel();
    this.#painting = undefined;
    const { clock } = this.#deps;
    const [now, begun] = [clock.now(), clock.monotonic()];
    document.title = `${this.#view?.title ?? "Nothing here"} · Selvedge`;
    render(this.#frame(now), document.body);
    this.#painted = clock.monotonic();
    this.#cost = this.#painted - begun;
  }

  #frame(now: Instant): TemplateResult {
    const { reach, heard } = this.#reach;
    const needs = this.#page.fleet()?.filter((row) => row.needs).length ?? 0;
    return html`<a class="skip" href="#main" @click=${skip}>Skip to the content</a>
      <header>
        <a class="brand" href=${hashOf(wholeFleet)}><span class="logo" aria-hidden="true"></span>Selvedge</a>
        ${
          needs > 0
            ? html`<a class="chip needs" href=${hashOf({ ...wholeFleet, group: "needs" } as Route)}
              >Needs you <span class="count">${needs.toLocaleString("en")}</span></a
            >`
            : nothing
        }
        ${reachLamp(reach)}
      </header>
      ${reachBanner(reach, heard, now)}
      ${this.#fleetFault === "" ? nothing : html`<p class="banner">${this.#fleetFault}</p>`}
      <main id="main" tabindex="-1">${this.#view?.draw(now) ?? nowhere()}</main>
      <div class="notice" role="status">${this.#notice === undefined ? nothing : this.#noticeBox(this.#notice)}</div>`;
  }

  #noticeBox({ tone, text }: Notice): TemplateResult {
    return html`<p class=${tone}>
      ${text} <button type="button" class="small" @click=${() => this.#hush()}>Close</button>
    </p>`;
  }
}

/** The place is in the address: a link within the page would be taken for another place. */
function skip(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>("main h1")?.focus();
}

function fleetFault(allowed: readonly KindRef[]): string {
  const words = [
    [edgeNodes, "boxes"],
    [nodes, "nodes"],
    [pods, "apps of the whole fleet"],
  ] as const;
  const missing = words.filter(([kind]) => !allowed.includes(kind)).map(([, word]) => word);
  return missing.length === 0
    ? ""
    : `You may not see ${missing.join(", ")}: ask whoever gave you the kubeconfig.`;
}

function nowhere(): TemplateResult {
  return html`<h1 tabindex="-1">Nothing here</h1>
    <div class="empty"><p>There is no such place.</p><p><a href=${hashOf(wholeFleet)}>To the fleet</a></p></div>`;
}
