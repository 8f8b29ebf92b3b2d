import type { Pod } from "@selvedge/kinds";
import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { pods } from "../kinds.ts";
import type { Page } from "../page.ts";
import { type Part, section } from "../ui/parts.ts";
import { plural } from "../words.ts";
import { containerChoice, containerNames } from "./containers.ts";
import { LogPane } from "./log-pane.ts";

/** What an app says, as it says it. */
export class LogSection implements Disposable {
  readonly #page: Page;
  readonly #namespace: string;
  readonly #pod: string;
  readonly #pane: LogPane;
  #container = "";
  #isPrevious = false;
  #hasTimes = false;

  constructor(page: Page, namespace: string, pod: string) {
    this.#page = page;
    this.#namespace = namespace;
    this.#pod = pod;
    this.#pane = new LogPane(page);
  }

  draw(pod: Pod): TemplateResult {
    if (!this.#page.access.may("get", pods, this.#namespace, "log")) {
      return section("Log", html`<p class="quiet">You may not see what it says.</p>`);
    }
    const names = containerNames(pod);
    if (!names.includes(this.#container)) this.#show(names[0] ?? "");
    const { state, lost, isAtEnd } = this.#pane;
    return section(
      "Log",
      html`${this.#controls(names)} ${this.#pane.element}
        <div class="under">
          <p class="quiet">
            ${stateLine(state, this.#isPrevious)} ${lost > 0 ? `${plural(lost, "older line")} left out.` : nothing}
          </p>
          ${
            isAtEnd
              ? nothing
              : html`<button type="button" class="small" @click=${() => this.#pane.toEnd()}>To the newest</button>`
          }
          ${
            state === "following"
              ? nothing
              : html`<button type="button" class="small" @click=${() => this.#show(this.#container)}>
                Read again
              </button>`
          }
        </div>`,
    );
  }

  #controls(names: readonly string[]): Part {
    const check = (label: string, isOn: boolean, turn: (on: boolean) => void): TemplateResult =>
      html`<label class="check"
        ><input
          type="checkbox"
          .checked=${live(isOn)}
          @change=${(event: Event) => {
            turn((event.target as HTMLInputElement).checked);
            this.#show(this.#container);
          }}
        />${label}</label
      >`;
    return html`<div class="controls">
      ${containerChoice("log-container", names, this.#container, (name) => this.#show(name))}
      ${check("Times", this.#hasTimes, (on) => (this.#hasTimes = on))}
      ${check("Previous run", this.#isPrevious, (on) => (this.#isPrevious = on))}
    </div>`;
  }

  #show(container: string): void {
    this.#container = container;
    this.#pane.open({
      ...{ namespace: this.#namespace, pod: this.#pod, container },
      ...{ isPrevious: this.#isPrevious, hasTimes: this.#hasTimes },
    });
    this.#page.paint();
  }

  revive(): void {
    if (this.#container !== "" && this.#pane.state !== "following") this.#show(this.#container);
  }

  [Symbol.dispose](): void {
    this.#pane[Symbol.dispose]();
  }
}

function stateLine(state: LogPane["state"], isPrevious: boolean): string {
  if (state === "following") return isPrevious ? "Reading…" : "New lines come by themselves.";
  if (state === "ended") return "This is all it said.";
  return state.broken.endsWith(".") ? state.broken : `${state.broken}.`;
}
