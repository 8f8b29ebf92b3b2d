import type { Pod } from "@selvedge/kinds";
import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";

/** All that a Pod has, the ones that stay first: those are what somebody looks for. */
export function containerNames({ spec }: Pod): string[] {
  const { containers, initContainers = [], ephemeralContainers = [] } = spec;
  return [...containers, ...initContainers, ...ephemeralContainers].map(({ name }) => name);
}

/** A choice between containers, where there is one. */
export function containerChoice(
  id: string,
  names: readonly string[],
  chosen: string,
  onChoose: (name: string) => void,
): TemplateResult | typeof nothing {
  if (names.length < 2) return nothing;
  return html`<label for=${id}>Container</label>
    <select
      id=${id}
      .value=${live(chosen)}
      @change=${(event: Event) => onChoose((event.target as HTMLSelectElement).value)}
    >
      ${names.map((name) => html`<option value=${name} ?selected=${name === chosen}>${name}</option>`)}
    </select>`;
}
