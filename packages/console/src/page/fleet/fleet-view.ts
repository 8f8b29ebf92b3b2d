import type { Instant } from "@selvedge/base";
import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { repeat } from "lit-html/directives/repeat.js";
import { approve, mayApprove } from "../node/approve.ts";
import type { Page, View } from "../page.ts";
import { hashOf, type Route } from "../routes.ts";
import { badge, since, toneOf } from "../ui/parts.ts";
import { plural } from "../words.ts";
import {
  countGroups,
  type FleetRow,
  groups,
  isIn,
  type Page as PageOfRows,
  pageOf,
  type Sort,
  type SortKey,
  searchOf,
  sorted,
} from "./fleet-rows.ts";
import { labelChoices } from "./label-choices.ts";

type FleetRoute = Extract<Route, { at: "fleet" }>;

const columns: readonly { readonly key: SortKey; readonly label: string; readonly wide: boolean }[] = [
  { key: "name", label: "Name", wide: false },
  { key: "state", label: "State", wide: false },
  { key: "since", label: "Since", wide: true },
  { key: "apps", label: "Apps", wide: false },
  { key: "version", label: "Version", wide: true },
  { key: "address", label: "Address", wide: true },
];

/** Every node and every box that waits. */
export class FleetView implements View {
  readonly title = "Fleet";
  readonly #page: Page;
  #route: FleetRoute;
  #sort: Sort = { key: "state", isDown: false };
  /** Of a large fleet, what is not made again for each letter that somebody types. */
  readonly #order = new Remembered<readonly FleetRow[]>();
  readonly #choices = new Remembered<readonly string[]>();

  constructor(page: Page, route: FleetRoute) {
    this.#page = page;
    this.#route = route;
  }

  move(route: Route): boolean {
    if (route.at !== "fleet") return false;
    this.#route = route;
    return true;
  }

  draw(now: Instant): TemplateResult {
    const rows = this.#page.fleet();
    return html`<h1 tabindex="-1">Fleet</h1>
      ${rows === undefined ? html`<p class="quiet" role="status">Loading the fleet…</p>` : this.#list(rows, now)}`;
  }

  #list(rows: readonly FleetRow[], now: Instant): TemplateResult {
    if (rows.length === 0) return emptyFleet();
    const { group, search, page } = this.#route;
    const order = this.#order.of([rows, this.#sort], () => sorted(rows, this.#sort));
    const choices = this.#choices.of([rows], () => labelChoices(rows));
    const found = order.filter(searchOf(search));
    const counts = countGroups(found);
    const inGroup = found.filter((row) => isIn(row, group));
    const part = pageOf(inGroup, page);
    return html`<div class="tools">
        <div class="search">
          <label for="search">Search</label>
          <input
            id="search"
            type="search"
            autocomplete="off"
            spellcheck="false"
            list="labels"
            placeholder="name, serial, address, or label=value"
            .value=${live(search)}
            @input=${(event: Event) => this.#look((event.target as HTMLInputElement).value)}
          />
          <datalist id="labels">
            ${choices.map((choice) => html`<option value=${choice}></option>`)}
          </datalist>
        </div>
        <div class="groups" role="group" aria-label="State">
          ${groups
            .filter(({ group: one }) => counts[one] > 0 || one === "all" || one === group)
            .map(
              ({ group: one, label }) => html`<a
                class="chip ${one}"
                href=${hashOf({ ...this.#route, group: one, page: 0 })}
                aria-current=${one === group ? "true" : nothing}
                >${label} <span class="count">${counts[one].toLocaleString("en")}</span></a
              >`,
            )}
        </div>
      </div>
      ${part.total === 0 ? this.#nothingFound() : this.#table(part, now)} ${this.#pager(part, rows.length)}`;
  }

  #table({ rows }: PageOfRows<FleetRow>, now: Instant): TemplateResult {
    return html`<table class="fleet">
      <thead>
        <tr>
          ${columns.map(({ key, label, wide }) => this.#heading(key, label, wide))}
        </tr>
      </thead>
      <tbody>
        ${repeat(
          rows,
          ({ name }) => name,
          (row) => this.#row(row, now),
        )}
      </tbody>
    </table>`;
  }

  #heading(key: SortKey, label: string, wide: boolean): TemplateResult {
    const isSorted = this.#sort.key === key;
    const order = isSorted ? (this.#sort.isDown ? "descending" : "ascending") : nothing;
    const turn = (): void => {
      this.#sort = { key, isDown: isSorted && !this.#sort.isDown };
      this.#page.paint();
    };
    return html`<th scope="col" class="${key} ${wide ? "wide" : ""}" aria-sort=${order}>
      <button type="button" class="sort" @click=${turn}>${label}</button>
    </th>`;
  }

  #row(row: FleetRow, now: Instant): TemplateResult {
    const { name, serial, state, word, why, faults, notes, version, addresses } = row;
    return html`<tr>
      <th scope="row" class="name">
        <a href=${hashOf({ at: "node", name })}>${name}</a>
        ${serial && serial !== name ? html`<span class="sub">${serial}</span>` : nothing}
      </th>
      <td class="state">
        ${badge(state === "ready" && row.needs ? "busy" : toneOf[state], word)}
        <span class="narrow sub">${since(row.since, now)}</span>
        ${[why, ...faults, ...notes, appsFault(row)]
          .filter((text) => text !== "")
          .map((text) => html`<span class="sub">${text}</span>`)}
        ${this.#approval(row)}
      </td>
      <td class="since wide nowrap">${since(row.since, now)}</td>
      <td class="apps">${appsText(row)}</td>
      <td class="version wide">${version}</td>
      <td class="address wide">${addresses.map((address) => html`<span class="line">${address}</span>`)}</td>
    </tr>`;
  }

  #approval({ state, edgeNode, name, serial }: FleetRow): TemplateResult | typeof nothing {
    if (state !== "waiting" || edgeNode === undefined || !mayApprove(this.#page)) return nothing;
    return html`<button
      type="button"
      class="small"
      aria-label="Approve ${name}"
      @click=${() => void approve(this.#page, { edgeNode, serial })}
    >
      Approve…
    </button>`;
  }

  #nothingFound(): TemplateResult {
    const everything = hashOf({ at: "fleet", group: "all", search: "", page: 0 });
    return html`<div class="empty">
      <p>Nothing here fits ${this.#route.search === "" ? "" : html`“${this.#route.search}”`}.</p>
      <p><a href=${everything}>Show the whole fleet</a></p>
    </div>`;
  }

  #pager({ page, pages, total, from, to }: PageOfRows<FleetRow>, all: number): TemplateResult {
    const number = (count: number): string => count.toLocaleString("en");
    const which = total === all ? plural(all, "node") : `${number(total)} of ${plural(all, "node")}`;
    const said = pages > 1 ? `${number(from)}–${number(to)} of ${which}` : which;
    const step = (to: number, label: string, isThere: boolean): TemplateResult =>
      isThere
        ? html`<a class="chip" href=${hashOf({ ...this.#route, page: to })}>${label}</a>`
        : html`<span class="chip off" aria-hidden="true">${label}</span>`;
    return html`<div class="pager">
      <p role="status">${said}</p>
      ${
        pages > 1
          ? html`<nav aria-label="Pages">
            ${step(page - 1, "Previous", page > 0)} ${step(page + 1, "Next", page < pages - 1)}
          </nav>`
          : nothing
      }
    </div>`;
  }

  #look(search: string): void {
    this.#page.go({ ...this.#route, search, page: 0 }, true);
  }

  revive(): void {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** The last result of something that costs, as long as what it was made of is the very same. */
class Remembered<T> {
  #from: readonly unknown[] = [];
  #result: T | undefined;

  of(from: readonly unknown[], make: () => T): T {
    if (this.#result === undefined || from.some((one, at) => one !== this.#from[at])) {
      this.#from = from;
      this.#result = make();
    }
    return this.#result;
  }
}

function appsText({ state, apps: { running, wanted } }: FleetRow): TemplateResult | string {
  if (wanted === 0) return html`<span class="quiet">–</span>`;
  // Nobody knows what a silent node runs; what is wanted of it is known.
  return state === "ready"
    ? `${running}/${wanted}`
    : html`<span title="not known while it is silent">?/${wanted}</span>`;
}

function appsFault({ state, apps: { running, wanted } }: FleetRow): string {
  return state === "ready" && running < wanted ? `${running} of ${plural(wanted, "app")} ready` : "";
}

function emptyFleet(): TemplateResult {
  return html`<div class="empty">
    <p>There is no node yet.</p>
    <p>
      A box that is switched on and finds this controller shows up here by itself, and waits until somebody approves
      it or an EnrollmentProfile does.
    </p>
  </div>`;
}
