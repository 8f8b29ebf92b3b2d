import type { Instant } from "@selvedge/base";
import type { ContainerStatus, Event, Pod } from "@selvedge/kinds";
import { html, nothing, type TemplateResult } from "lit-html";
import { Follower } from "../api/follower.ts";
import { events, pods } from "../kinds.ts";
import type { Page, View } from "../page.ts";
import { hashOf, wholeFleet } from "../routes.ts";
import {
  ago,
  badge,
  conditionTable,
  eventTable,
  facts,
  type Part,
  section,
  shown,
  since,
} from "../ui/parts.ts";
import { LogSection } from "./log-section.ts";
import { mayDelete, remove } from "./pod-actions.ts";
import { podState, stateText } from "./pod-state.ts";
import { TerminalSection } from "./terminal-section.ts";

/** One app instance: how it is, what it says, and a way in. */
export class PodView implements View {
  readonly title: string;
  readonly #page: Page;
  readonly #namespace: string;
  readonly #name: string;
  readonly #pod: Follower<Pod>;
  readonly #events: Follower<Event>;
  readonly #log: LogSection;
  readonly #terminal: TerminalSection;
  /** As it was last, for when it is gone: what is read is not taken away. */
  #last: Pod | undefined;

  constructor(page: Page, namespace: string, name: string) {
    this.title = name;
    this.#page = page;
    this.#namespace = namespace;
    this.#name = name;
    this.#pod = new Follower<Pod>(page, pods, { namespace, fieldSelector: `metadata.name=${name}` });
    const fieldSelector = `involvedObject.kind=Pod,involvedObject.name=${name}`;
    this.#events = new Follower<Event>(page, events, { namespace, fieldSelector });
    this.#log = new LogSection(page, namespace, name);
    this.#terminal = new TerminalSection(page, namespace, name);
  }

  draw(now: Instant): TemplateResult {
    const [current] = this.#pod.items;
    this.#last = current ?? this.#last;
    const pod = this.#last;
    const nodeName = pod?.spec.nodeName;
    const head = html`<nav class="crumbs" aria-label="You are in">
        <a href=${hashOf(wholeFleet)}>Fleet</a>
        ${nodeName ? html`<a href=${hashOf({ at: "node", name: nodeName })}>${nodeName}</a>` : nothing}
      </nav>
      <h1 tabindex="-1">${this.#name}</h1>`;
    if (pod === undefined) {
      const empty = "There is no app of this name, or there is none any more.";
      return html`${head} ${shown(this.#pod.followed, "this app", empty, () => nothing)}`;
    }
    const isGone = current === undefined && this.#pod.followed.is === "known";
    const { tone, word, why } = podState(pod);
    return html`${head}
      <div class="lead">
        ${isGone ? badge("idle", "Gone") : badge(tone, word)}
        <span class="quiet">${pod.metadata.namespace}</span>
        ${isGone ? nothing : this.#actions(pod)}
      </div>
      ${isGone ? html`<p class="message">It is gone. This is how it was last.</p>` : nothing}
      ${why === "" || isGone ? nothing : html`<p class="message ${tone === "bad" ? "bad" : ""}">${why}</p>`}
      ${section("Containers", containerTable(pod, now))} ${this.#log.draw(pod)}
      ${isGone ? nothing : this.#terminal.draw(pod)} ${section("About", podFacts(pod, now))}
      ${section("Conditions", conditionTable(pod.status?.conditions ?? [], now))}
      ${section(
        "Events",
        shown(this.#events.followed, "events", "Nothing has happened lately.", (items) =>
          eventTable(items, now),
        ),
      )}`;
  }

  #actions(pod: Pod): Part {
    if (pod.metadata.deletionTimestamp !== undefined || !mayDelete(this.#page, this.#namespace))
      return nothing;
    const isOwned = pod.metadata.ownerReferences?.some(({ controller }) => controller) === true;
    return html`<button type="button" class="plain" @click=${() => void remove(this.#page, pod)}>
      ${isOwned ? "Restart…" : "Delete…"}
    </button>`;
  }

  revive(): void {
    this.#pod.revive();
    this.#events.revive();
    this.#log.revive();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#log[Symbol.dispose]();
    this.#terminal[Symbol.dispose]();
    await Promise.all([this.#pod[Symbol.asyncDispose](), this.#events[Symbol.asyncDispose]()]);
  }
}

function podFacts({ metadata, spec, status }: Pod, now: Instant): Part {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller);
  const nodeName = spec.nodeName;
  return facts([
    {
      name: "Node",
      value: nodeName ? html`<a href=${hashOf({ at: "node", name: nodeName })}>${nodeName}</a>` : "",
    },
    { name: "Address", value: status?.podIP ?? "" },
    { name: "Made by", value: owner === undefined ? "" : `${owner.kind} ${owner.name}` },
    { name: "Age", value: since(metadata.creationTimestamp, now) },
    { name: "Isolation", value: spec.runtimeClassName ?? "" },
    { name: "Runs as", value: spec.serviceAccountName ?? "" },
  ]);
}

function containerTable({ spec, status }: Pod, now: Instant): Part {
  const lists = [
    { list: spec.initContainers ?? [], statuses: status?.initContainerStatuses, kind: "before the others" },
    { list: spec.containers, statuses: status?.containerStatuses, kind: "" },
    {
      list: spec.ephemeralContainers ?? [],
      statuses: status?.ephemeralContainerStatuses,
      kind: "for debugging",
    },
  ];
  const rows = lists.flatMap(({ list, statuses, kind }) =>
    list.map(({ name, image }) => {
      const found = statuses?.find((one) => one.name === name);
      return containerRow({ name, image: image ?? "", kind, status: found }, now);
    }),
  );
  return html`<table>
    <thead>
      <tr>
        <th scope="col">Name</th>
        <th scope="col">State</th>
        <th scope="col" class="wide">Restarts</th>
        <th scope="col" class="wide">Image</th>
      </tr>
    </thead>
    <tbody>${rows}</tbody>
  </table>`;
}

interface ContainerLine {
  readonly name: string;
  readonly image: string;
  readonly kind: string;
  readonly status: ContainerStatus | undefined;
}

function containerRow({ name, image, kind, status }: ContainerLine, now: Instant): TemplateResult {
  const state = stateText(status?.state);
  const before = status?.lastState?.terminated === undefined ? undefined : stateText(status.lastState);
  const isUnready = state.word === "Running" && status?.ready === false && kind === "";
  return html`<tr>
    <th scope="row">${name} ${kind === "" ? nothing : html`<span class="sub">${kind}</span>`}</th>
    <td>
      ${isUnready ? badge("busy", "Running, not ready") : badge(state.tone, state.word)}
      ${state.since === undefined ? nothing : html`<span class="quiet nowrap">for ${since(state.since, now)}</span>`}
      ${state.why === "" ? nothing : html`<span class="sub">${state.why}</span>`}
      ${
        before === undefined
          ? nothing
          : html`<span class="sub"
            >Before: ${before.why || before.word.toLowerCase()}, ${ago(before.since, now)}</span
          >`
      }
    </td>
    <td class="wide">${status?.restartCount ?? 0}</td>
    <td class="wide image">${image}</td>
  </tr>`;
}
