import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { EdgeNode, Node } from "@selvedge/kinds";
import { countGroups, type FleetRow, fleetRows, isIn, pageOf, searchOf, sorted } from "./fleet-rows.ts";

function box(name: string, phase: string, more: Partial<NonNullable<EdgeNode["status"]>> = {}): EdgeNode {
  return {
    ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "EdgeNode", metadata: { name } },
    spec: { labels: { site: "shops" } },
    status: { phase: phase as "Ready", serial: `SN-${name}`, ...more },
  };
}

function node(name: string, ready: "True" | "Unknown"): Node {
  const addresses = [{ type: "InternalIP" as const, address: `10.0.0.${name.length}` }];
  const conditions = [{ type: "Ready", status: ready, lastTransitionTime: "2026-11-01T00:00:00Z" }];
  const metadata = { name, labels: { site: "shops", till: name } };
  return { apiVersion: "v1", kind: "Node", metadata, spec: {}, status: { addresses, conditions } };
}

const apps = new Map([
  ["till-10", { running: 2, wanted: 2 }],
  ["till-9", { running: 1, wanted: 2 }],
]);
const rows = fleetRows(
  [box("till-10", "Ready"), box("till-9", "Ready"), box("till-2", "NotReady"), box("new", "Waiting")],
  [node("till-10", "True"), node("till-9", "True"), node("till-2", "Unknown"), node("by-hand", "True")],
  apps,
);
const names = (some: readonly FleetRow[]): string[] => some.map(({ name }) => name);

describe("the rows of a fleet", () => {
  it("join a box with its node and its apps, and leave out neither", () => {
    assert.deepEqual(names(rows), ["till-10", "till-9", "till-2", "new", "by-hand"]);
    const [ten] = rows;
    assert.deepEqual([ten?.edgeNode, ten?.apps.running, ten?.serial], ["till-10", 2, "SN-till-10"]);
    assert.deepEqual(ten?.labels, { site: "shops", till: "till-10" });
    assert.equal(rows.at(-1)?.edgeNode, undefined);
  });

  it("take a box for the node that it names", () => {
    const named = { ...box("sn1", "Ready"), spec: { nodeName: "till-10" } };
    const [row] = fleetRows([named], [node("till-10", "True")], apps);
    assert.deepEqual([row?.name, row?.edgeNode, row?.apps.wanted], ["till-10", "sn1", 2]);
  });

  it("say which need somebody", () => {
    assert.deepEqual(names(rows.filter(({ needs }) => needs)), ["till-9", "till-2", "new"]);
    assert.deepEqual(countGroups(rows), { all: 5, needs: 3, ready: 3, silent: 1, waiting: 1, other: 0 });
    assert.deepEqual(names(rows.filter((row) => isIn(row, "waiting"))), ["new"]);
  });

  const searches: readonly (readonly [string, readonly string[]])[] = [
    ["", ["till-10", "till-9", "till-2", "new", "by-hand"]],
    ["TILL", ["till-10", "till-9", "till-2"]],
    ["sn-till-9", ["till-9"]],
    ["10.0.0.6", ["till-9", "till-2"]],
    ["site=shops", ["till-10", "till-9", "till-2", "new", "by-hand"]],
    ["till=till-9", ["till-9"]],
    ["till=till-* till-1", ["till-10"]],
    ["till!=till-9", ["till-10", "till-2", "new", "by-hand"]],
    ["till=", []],
    ["site=shops nothing", []],
  ];
  for (const [search, found] of searches) {
    it(`finds ${found.length} by ${JSON.stringify(search)}`, () => {
      assert.deepEqual(names(rows.filter(searchOf(search))), found);
    });
  }

  it("put first what needs somebody, and count in names", () => {
    const byState = names(sorted(rows, { key: "state", isDown: false }));
    assert.deepEqual(byState, ["till-2", "new", "till-9", "by-hand", "till-10"]);
    assert.deepEqual(names(sorted(rows, { key: "name", isDown: true })).slice(1, 4), [
      "till-9",
      "till-2",
      "new",
    ]);
  });
});

describe("pages", () => {
  const all = Array.from({ length: 250 }, (_, at) => at);
  for (const [wanted, from, to, page] of [
    [0, 1, 100, 0],
    [2, 201, 250, 2],
    [99, 201, 250, 2],
    [-3, 1, 100, 0],
    [Number.NaN, 1, 100, 0],
  ] as const) {
    it(`are within what there is: ${wanted}`, () => {
      const found = pageOf(all, wanted);
      assert.deepEqual([found.from, found.to, found.page, found.pages], [from, to, page, 3]);
      assert.equal(found.rows[0], from - 1);
    });
  }

  it("of nothing are one", () => {
    assert.deepEqual(pageOf([], 4), { rows: [], page: 0, pages: 1, total: 0, from: 0, to: 0 });
  });
});
