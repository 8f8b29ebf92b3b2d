import type { Instant } from "@selvedge/base";
import { html, nothing, type TemplateResult } from "lit-html";
import type { Reach } from "../api/reach.ts";
import { clockText, spanText } from "../words.ts";
import type { Part } from "./parts.ts";

/** In a corner, whether what is seen is live. */
export function reachLamp(reach: Reach): TemplateResult {
  const isHere = reach.is === "here";
  return html`<span class="lamp ${isHere ? "here" : "away"}" role="status">${isHere ? "Live" : "Not live"}</span>`;
}

/** Above everything, when what is seen may not be so any more. */
export function reachBanner(reach: Reach, heard: Instant | undefined, now: Instant): Part {
  if (reach.is === "here") return nothing;
  if (reach.is === "locked") {
    return html`<p class="banner bad" role="alert">
      This browser is not let in any more: open the address that ./selvedge console printed last.
    </p>`;
  }
  const age =
    heard === undefined ? "" : `What you see is from ${clockText(heard)}, ${spanText(now - heard)} ago. `;
  return html`<div class="banner bad">
    <p role="alert">The API does not answer since ${clockText(reach.since)}: ${reach.why}.</p>
    <p>${age}It is asked again every few seconds; nodes and their apps go on by themselves.</p>
  </div>`;
}
