import type { Instant } from "@selvedge/base";
import type { EdgeNode, Event, Node, Pod } from "@selvedge/kinds";
import { html, nothing, type TemplateResult } from "lit-html";
import { Follower } from "../api/follower.ts";
import { conditionOf, type NodeCondition } from "../fleet/node-state.ts";
import { edgeNodes, events, nodes, pods } from "../kinds.ts";
import type { Page, View } from "../page.ts";
import { hashOf, wholeFleet } from "../routes.ts";
import {
  ago,
  badge,
  conditionTable,
  eventTable,
  type Part,
  section,
  shown,
  since,
  toneOf,
} from "../ui/parts.ts";
import { podTable } from "./app-table.ts";
import { approve, mayApprove } from "./approve.ts";
import { labelLinks, nodeFacts } from "./node-facts.ts";
import { certificateTable, deviceTable, portTable } from "./part-tables.ts";

/** One node, or one box that waits. */
export class NodeView implements View {
  readonly title: string;
  readonly #page: Page;
  readonly #name: string;
  readonly #node: Follower<Node>;
  readonly #pods: Follower<Pod>;
  readonly #events: Follower<Event>;
  /** The box behind it; which one that is, the fleet knows. */
  #edgeNode: Follower<EdgeNode> | undefined;
  #edgeEvents: Follower<Event> | undefined;

  constructor(page: Page, name: string) {
    this.title = name;
    this.#page = page;
    this.#name = name;
    this.#node = new Follower<Node>(page, nodes, { fieldSelector: `metadata.name=${name}` });
    this.#pods = new Follower<Pod>(page, pods, { fieldSelector: `spec.nodeName=${name}` });
    this.#events = this.#eventsOf("Node", name);
  }

  draw(now: Instant): TemplateResult {
    const row = this.#page.fleet()?.find(({ name }) => name === this.#name);
    if (row?.edgeNode !== undefined && this.#edgeNode === undefined) this.#followBox(row.edgeNode);
    const [node] = this.#node.items;
    const edgeNode = this.#edgeNode?.items[0];
    const head = html`<nav class="crumbs" aria-label="You are in">
        <a href=${hashOf(wholeFleet)}>Fleet</a>
      </nav>
      <h1 tabindex="-1">${this.#name}</h1>`;
    if (node === undefined && edgeNode === undefined)
      return html`${head} ${this.#missing(row !== undefined)}`;
    const condition = conditionOf(edgeNode, node);
    return html`${head}
      <div class="lead">
        ${badge(toneOf[condition.state], condition.word)}
        <span class="quiet">${leadText(condition, edgeNode, now)}</span>
        ${this.#actions(condition, edgeNode)}
      </div>
      ${condition.why === "" ? nothing : html`<p class="message ${toneOf[condition.state]}">${condition.why}</p>`}
      ${condition.faults.map((fault) => html`<p class="message bad">${fault}</p>`)}
      ${condition.notes.map((note) => html`<p class="message">${note}</p>`)}
      ${condition.state === "waiting" ? nothing : this.#apps(now)}
      <div class="columns">
        ${section("About", nodeFacts(edgeNode, node, now))}
        ${section("Labels", labelLinks({ ...edgeNode?.spec.labels, ...node?.metadata.labels }))}
      </div>
      ${this.#conditions(edgeNode, node, now)}
      ${parts(edgeNode, now)} ${this.#happened(now)} ${edgeNode === undefined ? nothing : rawStatus(edgeNode)}`;
  }

  #actions({ state }: NodeCondition, edgeNode: EdgeNode | undefined): Part {
    if (state !== "waiting" || edgeNode === undefined || !mayApprove(this.#page)) return nothing;
    const serial = edgeNode.status?.serial ?? edgeNode.spec.serial ?? "";
    return html`<button
      type="button"
      class="primary"
      @click=${() => void approve(this.#page, { edgeNode: edgeNode.metadata.name, serial })}
    >
      Approve…
    </button>`;
  }

  #missing(isListed: boolean): TemplateResult {
    const isLoading = isListed || this.#page.fleet() === undefined || this.#node.followed.is === "loading";
    if (isLoading) return html`<p class="quiet" role="status">Loading…</p>`;
    return html`<div class="empty"><p>There is no node of this name, or there is none any more.</p></div>`;
  }

  #apps(now: Instant): TemplateResult {
    const content = shown(this.#pods.followed, "apps", "Nothing runs here.", (items) => podTable(items, now));
    return section("Apps", content);
  }

  #conditions(edgeNode: EdgeNode | undefined, node: Node | undefined, now: Instant): TemplateResult {
    const own = edgeNode?.status?.conditions ?? [];
    const others = (node?.status?.conditions ?? []).filter(
      ({ type }) => !own.some((one) => one.type === type),
    );
    return section("Conditions", conditionTable([...own, ...others], now));
  }

  #happened(now: Instant): TemplateResult {
    const ofBox = this.#edgeEvents?.followed ?? { is: "known", items: [] };
    const ofNode = this.#events.followed;
    const all =
      ofBox.is === "known" && ofNode.is === "known"
        ? { is: "known" as const, items: [...ofNode.items, ...ofBox.items] }
        : ofNode;
    return section(
      "Events",
      shown(all, "events", "Nothing has happened lately.", (items) => eventTable(items, now)),
    );
  }

  #followBox(name: string): void {
    this.#edgeNode = new Follower<EdgeNode>(this.#page, edgeNodes, {
      fieldSelector: `metadata.name=${name}`,
    });
    this.#edgeEvents = this.#eventsOf("EdgeNode", name);
  }

  #eventsOf(kind: string, name: string): Follower<Event> {
    const fieldSelector = `involvedObject.kind=${kind},involvedObject.name=${name}`;
    // What has no namespace has its events in this one.
    return new Follower<Event>(this.#page, events, { namespace: "default", fieldSelector });
  }

  get #following(): { revive(): void; [Symbol.asyncDispose](): Promise<void> }[] {
    const all = [this.#node, this.#pods, this.#events, this.#edgeNode, this.#edgeEvents];
    return all.filter((one) => one !== undefined);
  }

  revive(): void {
    for (const one of this.#following) one.revive();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#following.map((one) => one[Symbol.asyncDispose]()));
  }
}

function leadText({ state, since: at }: NodeCondition, edgeNode: EdgeNode | undefined, now: Instant): Part {
  if (state === "silent") return html`heard last ${ago(edgeNode?.status?.lastSeen ?? at, now)}`;
  return at === undefined ? nothing : html`for ${since(at, now)}`;
}

function parts(edgeNode: EdgeNode | undefined, now: Instant): Part {
  const { ports = [], devices = [], certificates = [] } = edgeNode?.status ?? {};
  return html`${ports.length === 0 ? nothing : section("Ports", portTable(ports))}
  ${devices.length === 0 ? nothing : section("Devices", deviceTable(devices))}
  ${certificates.length === 0 ? nothing : section("Certificates", certificateTable(certificates, now))}`;
}

function rawStatus({ spec, status }: EdgeNode): TemplateResult {
  return html`<details class="card">
    <summary>Everything its EdgeNode says</summary>
    <pre class="raw" tabindex="0">${JSON.stringify({ spec, status }, undefined, 2)}</pre>
  </details>`;
}
