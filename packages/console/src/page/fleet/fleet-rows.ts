/** The fleet as rows: nodes and boxes that wait, joined with how many of their apps run. */
import type { EdgeNode, Node } from "@selvedge/kinds";
import { conditionOf, type NodeCondition, type NodeState } from "./node-state.ts";

export interface AppCount {
  readonly running: number;
  readonly wanted: number;
}

export interface FleetRow extends NodeCondition {
  /** Of the Node; of the EdgeNode where there is none yet. */
  readonly name: string;
  readonly edgeNode: string | undefined;
  readonly serial: string;
  readonly version: string;
  readonly addresses: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly apps: AppCount;
  /** Whether somebody has to look at it. */
  readonly needs: boolean;
}

const noApps: AppCount = { running: 0, wanted: 0 };
/** States in which nobody has to do anything. */
const calm: readonly NodeState[] = ["ready", "off", "unseen", "expected"];

export function fleetRows(
  edgeNodes: readonly EdgeNode[],
  nodes: readonly Node[],
  apps: ReadonlyMap<string, AppCount>,
): FleetRow[] {
  const left = new Map(nodes.map((node) => [node.metadata.name, node]));
  const rows = edgeNodes.map((edgeNode) => {
    const name = nodeNameOf(edgeNode);
    const node = left.get(name);
    left.delete(name);
    return rowOf(name, edgeNode, node, apps.get(name) ?? noApps);
  });
  for (const [name, node] of left) rows.push(rowOf(name, undefined, node, apps.get(name) ?? noApps));
  return rows;
}

function nodeNameOf({ spec, metadata }: EdgeNode): string {
  return spec.nodeName ?? metadata.name;
}

function rowOf(
  name: string,
  edgeNode: EdgeNode | undefined,
  node: Node | undefined,
  apps: AppCount,
): FleetRow {
  const condition = conditionOf(edgeNode, node);
  const addresses = edgeNode?.status?.addresses ?? node?.status?.addresses ?? [];
  const lacksApps = condition.state === "ready" && apps.running < apps.wanted;
  return {
    ...{ name, edgeNode: edgeNode?.metadata.name, ...condition, apps },
    serial: edgeNode?.status?.serial ?? edgeNode?.spec.serial ?? "",
    version: edgeNode?.status?.engineVersion ?? node?.status?.nodeInfo?.kubeletVersion ?? "",
    addresses: addresses.filter(({ type }) => type === "InternalIP").map(({ address }) => address),
    labels: { ...edgeNode?.spec.labels, ...node?.metadata.labels },
    needs: !calm.includes(condition.state) || condition.faults.length > 0 || lacksApps,
  };
}

/** What the buttons above the list choose. */
export type Group = "all" | "needs" | "ready" | "silent" | "waiting" | "other";

export const groups: readonly { readonly group: Group; readonly label: string }[] = [
  { group: "all", label: "All" },
  { group: "needs", label: "Needs you" },
  { group: "ready", label: "Ready" },
  { group: "silent", label: "Not ready" },
  { group: "waiting", label: "Waiting" },
  { group: "other", label: "Other" },
];

export function isIn(row: FleetRow, group: Group): boolean {
  switch (group) {
    case "all":
      return true;
    case "needs":
      return row.needs;
    case "ready":
    case "silent":
    case "waiting":
      return row.state === group;
    case "other":
      return row.state !== "ready" && row.state !== "silent" && row.state !== "waiting";
  }
}

export function countGroups(rows: readonly FleetRow[]): Record<Group, number> {
  const counts = { all: 0, needs: 0, ready: 0, silent: 0, waiting: 0, other: 0 };
  for (const row of rows) for (const { group } of groups) if (isIn(row, group)) counts[group]++;
  return counts;
}

/**
 * What somebody typed, as a test of rows: every word has to be true. `site=shops`, `site!=shops` and `site=`
 * ask labels, `*` at the end stands for anything; every other word is looked for in names, serials, addresses
 * and versions.
 */
export function searchOf(text: string): (row: FleetRow) => boolean {
  const tests = text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "")
    .map(wordTest);
  return (row) => tests.every((test) => test(row));
}

function wordTest(word: string): (row: FleetRow) => boolean {
  const label = /^([^=!]+)(!?)==?(.*)$/.exec(word);
  if (label === null) {
    return ({ name, serial, version, addresses }) =>
      [name, serial, version, ...addresses].some((text) => text.toLowerCase().includes(word));
  }
  const [, key = "", not, value = ""] = label;
  const open = value.endsWith("*");
  const wanted = open ? value.slice(0, -1) : value;
  return ({ labels }) => {
    const found = Object.entries(labels)
      .find(([name]) => name.toLowerCase() === key)?.[1]
      .toLowerCase();
    const isSame = found !== undefined && (open ? found.startsWith(wanted) : found === wanted);
    return isSame !== (not === "!");
  };
}

export type SortKey = "state" | "name" | "since" | "version" | "address" | "apps";

export interface Sort {
  readonly key: SortKey;
  readonly isDown: boolean;
}

/** The first is what an operator wants to see first. */
const severity: readonly NodeState[] = ["refused", "silent", "waiting", "expected", "ready", "unseen", "off"];

/** Names with numbers in them as people count: `till-9` before `till-10`. */
const byName = new Intl.Collator("en", { numeric: true }).compare;

export function sorted(rows: readonly FleetRow[], { key, isDown }: Sort): FleetRow[] {
  const compare = comparisons[key];
  const turn = isDown ? -1 : 1;
  return rows.toSorted((left, right) => turn * compare(left, right) || byName(left.name, right.name));
}

const comparisons: Readonly<Record<SortKey, (left: FleetRow, right: FleetRow) => number>> = {
  name: (left, right) => byName(left.name, right.name),
  state: (left, right) => rankOf(left) - rankOf(right),
  since: (left, right) => (left.since ?? "").localeCompare(right.since ?? ""),
  version: (left, right) => byName(left.version, right.version),
  address: (left, right) => byName(left.addresses[0] ?? "", right.addresses[0] ?? ""),
  apps: (left, right) => left.apps.wanted - right.apps.wanted,
};

/** What needs somebody comes first, by what it is; then the rest. */
function rankOf(row: FleetRow): number {
  return severity.indexOf(row.state) + (row.needs ? 0 : severity.length);
}

export interface Page<T> {
  readonly rows: readonly T[];
  /** From 0; within what there is, whatever was asked. */
  readonly page: number;
  readonly pages: number;
  readonly total: number;
  /** From 1, for people; 0 when there is none. */
  readonly from: number;
  readonly to: number;
}

/** More rows are looked through by searching, not by scrolling; a browser lays these out at once. */
const pageSize = 100;

export function pageOf<T>(all: readonly T[], wanted: number, size: number = pageSize): Page<T> {
  const pages = Math.max(1, Math.ceil(all.length / size));
  const page = Math.min(Math.max(0, Math.trunc(wanted) || 0), pages - 1);
  const rows = all.slice(page * size, (page + 1) * size);
  const from = rows.length === 0 ? 0 : page * size + 1;
  return { rows, page, pages, total: all.length, from, to: page * size + rows.length };
}
