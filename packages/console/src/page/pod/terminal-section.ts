import type { Pod } from "@selvedge/kinds";
import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { pods } from "../kinds.ts";
import type { Page } from "../page.ts";
import { type Part, section } from "../ui/parts.ts";
import { containerChoice, containerNames } from "./containers.ts";
import { openingFault, TerminalPane } from "./terminal-pane.ts";

/** A way into a container, where whoever looks may go in. */
export class TerminalSection implements Disposable {
  readonly #page: Page;
  readonly #namespace: string;
  readonly #pod: string;
  #container = "";
  #command = "sh";
  #isHeard = false;
  #pane: TerminalPane | undefined;

  constructor(page: Page, namespace: string, pod: string) {
    this.#page = page;
    this.#namespace = namespace;
    this.#pod = pod;
  }

  draw(pod: Pod): Part {
    if (!this.#page.access.may("create", pods, this.#namespace, "exec")) return nothing;
    const names = containerNames(pod);
    if (!names.includes(this.#container)) this.#container = names[0] ?? "";
    const pane = this.#pane;
    return section("Terminal", pane === undefined ? this.#form(names) : this.#open(pane, names));
  }

  #form(names: readonly string[]): TemplateResult {
    const start = (event: Event): void => {
      event.preventDefault();
      this.#start();
    };
    return html`<form class="controls" @submit=${start}>
      ${containerChoice("exec-container", names, this.#container, (name) => (this.#container = name))}
      <label for="command">Command</label>
      <input
        id="command"
        type="text"
        size="16"
        autocomplete="off"
        autocapitalize="off"
        spellcheck="false"
        .value=${live(this.#command)}
        @input=${(event: Event) => (this.#command = (event.target as HTMLInputElement).value)}
      />
      <label class="check">
        <input
          type="checkbox"
          .checked=${live(this.#isHeard)}
          @change=${(event: Event) => (this.#isHeard = (event.target as HTMLInputElement).checked)}
        />Read out by a screen reader
      </label>
      <button type="submit" class="primary">Open</button>
    </form>`;
  }

  #open(pane: TerminalPane, names: readonly string[]): TemplateResult {
    const { state } = pane;
    const isOver = typeof state !== "string";
    return html`${isOver ? this.#form(names) : nothing} ${pane.element}
      <div class="under">
        <p class="quiet" role="status">${terminalLine(state, this.#container)}</p>
        <button type="button" class="small" data-after-terminal @click=${() => this.#close()}>Close</button>
      </div>`;
  }

  #start(): void {
    const command = this.#command.split(/\s+/).filter((word) => word !== "");
    if (command.length === 0) return;
    this.#pane?.[Symbol.dispose]();
    const pane = new TerminalPane(this.#page);
    this.#pane = pane;
    this.#page.paint();
    const where = { namespace: this.#namespace, pod: this.#pod, container: this.#container };
    const target = { ...where, command, isHeard: this.#isHeard };
    // It is in the page once that has been drawn.
    pane.onceShown(() => {
      pane.open(target).catch((error: unknown) => {
        this.#close();
        this.#page.tell({ tone: "bad", text: openingFault(error) });
      });
    });
  }

  #close(): void {
    this.#pane?.[Symbol.dispose]();
    this.#pane = undefined;
    this.#page.paint();
  }

  [Symbol.dispose](): void {
    this.#pane?.[Symbol.dispose]();
  }
}

function terminalLine(state: TerminalPane["state"], container: string): string {
  if (state === "connecting") return "Connecting…";
  if (state === "open") return `In ${container}. Shift+Escape leaves the terminal for the rest of the page.`;
  return state.ended;
}
