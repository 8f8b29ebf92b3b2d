import type { Instant } from "@selvedge/base";
import type { EdgeNode, EdgeNodeStatus, Node } from "@selvedge/kinds";
import { html, nothing } from "lit-html";
import { hashOf } from "../routes.ts";
import { ago, type Fact, facts, type Part, since } from "../ui/parts.ts";
import { timeOf } from "../words.ts";

/** What a node is and where it stands, as far as it is known. */
export function nodeFacts(edgeNode: EdgeNode | undefined, node: Node | undefined, now: Instant): Part {
  const status = edgeNode?.status ?? {};
  const info = node?.status?.nodeInfo;
  const known = (text: string | undefined): string => text ?? "";
  const addresses = status.addresses ?? node?.status?.addresses ?? [];
  const isWaiting = status.phase === "Waiting";
  const list: readonly Fact[] = [
    { name: "Serial", value: known(status.serial ?? edgeNode?.spec.serial) },
    {
      name: "Addresses",
      value: addresses
        .filter(({ type }) => type !== "Hostname")
        .map(({ address }) => address)
        .join(", "),
    },
    { name: "Heard last", value: heardText(status, now) },
    {
      name: "Link",
      value: status.linkConnectedAt ? html`open for ${since(status.linkConnectedAt, now)}` : "",
    },
    { name: "Configuration", value: configText(status) },
    { name: "Engine", value: known(status.engineVersion ?? info?.kubeletVersion) },
    { name: "System", value: systemText(status, info?.osImage) },
    { name: "Kernel", value: known(info?.kernelVersion) },
    { name: "Keys", value: keysText(status) },
    { name: "Let in by", value: known(status.profile) },
    {
      name: "Hardware",
      value: [status.hardware?.manufacturer, status.hardware?.product].filter((text) => text).join(" "),
    },
    { name: "Firmware", value: known(status.hardware?.firmware) },
    { name: "Room", value: roomText(node) },
    {
      name: "Place",
      value: status.location === undefined ? "" : `${status.location.latitude}, ${status.location.longitude}`,
    },
    { name: "Last start", value: rebootText(status, now) },
    // What somebody who lets it in may want to hold against what the factory says.
    { name: "Onboarding certificate", value: isWaiting ? hashText(status.onboardingCertificateHash) : "" },
    { name: "Device certificate", value: isWaiting ? hashText(status.deviceCertificateHash) : "" },
    { name: "EdgeNode", value: known(edgeNode?.metadata.name) },
    { name: "Refused requests", value: refusedText(status) },
  ];
  return facts(list);
}

/** Each leads to the others that have it. */
export function labelLinks(labels: Readonly<Record<string, string>>): Part {
  // What somebody gave it, before what every node has.
  const isOwn = (name: string): boolean => !/(?:^|\.)(?:kubernetes\.io|selvedge\.dev)\//.test(name);
  const names = Object.keys(labels).sort((one, other) => Number(isOwn(other)) - Number(isOwn(one)));
  if (names.length === 0) return html`<p class="quiet">It has none.</p>`;
  return html`<ul class="labels">
    ${names.map((name) => {
      const label = `${name}=${labels[name]}`;
      const href = hashOf({ at: "fleet", group: "all", search: label, page: 0 });
      return html`<li><a class="label" href=${href} title="Nodes with this label">${label}</a></li>`;
    })}
  </ul>`;
}

function heardText({ lastSeen, linkConnectedAt }: EdgeNodeStatus, now: Instant): Part {
  return linkConnectedAt === undefined ? ago(lastSeen, now) : "now";
}

function configText({ configHash, configError }: EdgeNodeStatus): Part {
  if (configError !== undefined) return "the newest is refused; the last good one goes on";
  if (configHash?.rendered === undefined) return "";
  return configHash.rendered === configHash.applied ? "the newest" : "a newer one is on its way";
}

function systemText({ system }: EdgeNodeStatus, image: string | undefined): Part {
  if (system?.version === undefined) return image ?? "";
  const state = system.state === undefined ? "" : ` (${system.state})`;
  const error = system.error === undefined ? "" : `; the update failed: ${system.error}`;
  return `${system.version}${state}${error}`;
}

function keysText({ identityStore }: EdgeNodeStatus): Part {
  if (identityStore === undefined) return "";
  return identityStore === "tpm" ? "in its TPM" : "in a file: whoever copies its disk is this node";
}

function roomText(node: Node | undefined): Part {
  const { cpu, memory, pods } = node?.status?.allocatable ?? {};
  const parts = [cpu && `${cpu} CPU`, memory && `${memoryText(memory)} memory`, pods && `${pods} apps`];
  return parts.filter((text) => text).join(", ");
}

/** Kubernetes' units of memory, in GiB. */
const gibibytes: Readonly<Record<string, number>> = {
  "": 2 ** -30,
  Ki: 2 ** -20,
  Mi: 2 ** -10,
  Gi: 1,
  Ti: 2 ** 10,
};

function memoryText(memory: string): string {
  const [, amount = "", unit = ""] = /^(\d+)([KMGT]i|)$/.exec(memory) ?? [];
  return amount === "" ? memory : `${(Number(amount) * (gibibytes[unit] ?? 1)).toFixed(1)} GiB`;
}

function rebootText({ lastReboot }: EdgeNodeStatus, now: Instant): Part {
  if (lastReboot === undefined) return "";
  const when = timeOf(lastReboot.at) === undefined ? nothing : html`${ago(lastReboot.at, now)}`;
  return html`${when} ${lastReboot.reason ?? ""}`;
}

function hashText(hash: string | undefined): Part {
  return hash === undefined ? "" : html`<code>${hash}</code>`;
}

function refusedText({ refused }: EdgeNodeStatus): Part {
  return Object.entries(refused ?? {})
    .map(([reason, count]) => `${count} ${reason}`)
    .join(", ");
}
