/** What several views are made of. Everything a template is given becomes text or an attribute, never markup. */
import type { Condition } from "@selvedge/apimachinery";
import type { Instant } from "@selvedge/base";
import type { Event } from "@selvedge/kinds";
import { html, nothing, type TemplateResult } from "lit-html";
import type { Followed } from "../api/follower.ts";
import type { NodeState } from "../fleet/node-state.ts";
import type { Tone } from "../pod/pod-state.ts";
import { fullTime, sinceText, spaced, timeOf } from "../words.ts";

export type Part = TemplateResult | typeof nothing | string;

/** A state: a mark of its own shape, so that it is told apart without its colour, and the word. */
export function badge(tone: Tone | "wait", word: string): TemplateResult {
  return html`<span class="badge ${tone}"><span class="mark" aria-hidden="true"></span>${word}</span>`;
}

export const toneOf: Readonly<Record<NodeState, Tone | "wait">> = {
  ...{ ready: "good", silent: "bad", refused: "bad", waiting: "wait", expected: "busy" },
  ...{ off: "idle", unseen: "idle" },
};

/** How long ago, with the time itself for who points at it. */
export function since(time: string | null | undefined, now: Instant): Part {
  if (timeOf(time) === undefined) return nothing;
  return html`<time datetime=${time ?? ""} title=${fullTime(time)}>${sinceText(time, now)}</time>`;
}

export function ago(time: string | null | undefined, now: Instant): Part {
  return timeOf(time) === undefined ? nothing : html`${since(time, now)} ago`;
}

export interface Fact {
  readonly name: string;
  readonly value: Part;
}

/** Names and values; what has no value is left out. */
export function facts(list: readonly Fact[]): Part {
  const known = list.filter(({ value }) => value !== "" && value !== nothing);
  if (known.length === 0) return nothing;
  return html`<dl class="facts">
    ${known.map(({ name, value }) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;
}

/** A part of a view with its heading. */
export function section(
  title: string,
  content: Part | readonly Part[],
  side: Part = nothing,
): TemplateResult {
  return html`<section class="card" aria-label=${title}>
    <div class="card-head"><h2>${title}</h2>${side}</div>
    ${content}
  </section>`;
}

/** What was followed, or why there is nothing to show. */
export function shown<T>(
  followed: Followed<T>,
  what: string,
  empty: string,
  draw: (items: readonly T[]) => Part,
): Part {
  if (followed.is === "loading") return html`<p class="quiet">Loading…</p>`;
  if (followed.is === "forbidden") return html`<p class="quiet">You may not see ${what}.</p>`;
  return followed.items.length === 0 ? html`<p class="quiet">${empty}</p>` : draw(followed.items);
}

/** Conditions of which True is the bad news. */
const badWhenTrue = /^(?:MaintenanceMode|DisruptionTarget|.*Pressure|.*Unavailable)$/;

export function conditionTable(conditions: readonly Condition[], now: Instant): Part {
  if (conditions.length === 0) return html`<p class="quiet">Nothing is said yet.</p>`;
  const sorted = conditions.toSorted((left, right) => rankOf(left) - rankOf(right));
  return html`<table>
    <thead>
      <tr>
        <th scope="col">Condition</th>
        <th scope="col">Is</th>
        <th scope="col" class="wide">Since</th>
      </tr>
    </thead>
    <tbody>
      ${sorted.map(
        ({ type, status, reason, message, lastTransitionTime }) => html`<tr>
          <th scope="row">${spaced(type.replace(/^.*\//, ""))}</th>
          <td>
            ${conditionBadge(type, status)}
            <span class="sub">${message || (reason ? spaced(reason) : "")}</span>
          </td>
          <td class="wide nowrap">${since(lastTransitionTime, now)}</td>
        </tr>`,
      )}
    </tbody>
  </table>`;
}

/** What is wrong comes first. */
function rankOf({ type, status }: Condition): number {
  if (status === "Unknown") return 1;
  return isGood(type, status) ? 2 : 0;
}

function isGood(type: string, status: Condition["status"]): boolean {
  return (status === "True") !== badWhenTrue.test(type);
}

function conditionBadge(type: string, status: Condition["status"]): TemplateResult {
  if (status === "Unknown") return badge("idle", "Unknown");
  return badge(isGood(type, status) ? "good" : "busy", status === "True" ? "Yes" : "No");
}

/** The newest; older ones say what is not so any more. */
const eventsMax = 50;

export function eventTable(events: readonly Event[], now: Instant): Part {
  const newest = events
    .toSorted((left, right) => timeOfEvent(right).localeCompare(timeOfEvent(left)))
    .slice(0, eventsMax);
  return html`<table>
    <thead>
      <tr><th scope="col">When</th><th scope="col">What</th></tr>
    </thead>
    <tbody>
      ${newest.map(
        (event) => html`<tr>
          <td class="nowrap">${ago(timeOfEvent(event), now)}</td>
          <td>
            ${badge(event.type === "Warning" ? "busy" : "idle", spaced(event.reason ?? ""))}
            <span class="sub">${event.message ?? ""}${timesOf(event)}</span>
          </td>
        </tr>`,
      )}
    </tbody>
  </table>`;
}

function timesOf({ series, count }: Event): string {
  const times = series?.count ?? count ?? 1;
  return times > 1 ? ` (${times} times)` : "";
}

function timeOfEvent({ series, lastTimestamp, eventTime, metadata }: Event): string {
  return series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? "";
}
