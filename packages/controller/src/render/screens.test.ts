import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { config } from "@selvedge/eve-api";
import type { Node, Pod } from "@selvedge/kinds";
import { inputsOf, pod } from "../../test/render-one.ts";
import type { PodFault } from "./inputs.ts";
import { assembleNode, planNode } from "./node-config.ts";

const node = (runtime: string): Node =>
  ({
    metadata: { name: "box" },
    spec: {},
    status: { nodeInfo: { containerRuntimeVersion: runtime } },
  }) as never;
const eve = node("eve://16.0.0");

const uid = (number: number): string => `${`${number}`.padStart(8, "0")}-0000-4000-8000-000000000000`;
const wants = (number: number, screen = "true"): Pod =>
  pod({}, { name: `p${number}`, uid: uid(number), annotations: { "selvedge.dev/screen": screen } });

interface Made {
  readonly config: config.EdgeDevConfig;
  readonly faults: readonly PodFault[];
  /** By Pod: the number of its screen, and its restarts. */
  readonly screens: Record<string, number>;
  readonly restarts: Record<string, number>;
}

function render(pods: readonly Pod[], previous?: config.EdgeDevConfig, on = eve): Made {
  const plan = planNode(inputsOf(pods, { node: on }));
  const { config, faults } = assembleNode(plan, new Map(), [], previous);
  const named = config.apps.map((app) => [app.displayname.replace("shop/", ""), app] as const);
  const screens = named.flatMap(([name, { remoteConsole, fixedresources }]) => {
    assert.equal(fixedresources?.enableVnc, remoteConsole);
    return remoteConsole ? [[name, fixedresources?.vncDisplay ?? 0]] : [];
  });
  const restarts = named.map(([name, { restart }]) => [name, restart?.counter ?? 0]);
  return { config, faults, screens: Object.fromEntries(screens), restarts: Object.fromEntries(restarts) };
}

describe("screens of Pods", () => {
  it("are for those that want one, on a box of EVE", () => {
    assert.deepEqual(render([wants(1), wants(2, "false"), pod({})]).screens, { p1: 1 });
    assert.deepEqual(render([wants(1)], undefined, node("selvedge://1.0.0")).screens, {});
  });

  it("keep their number whoever comes and goes, and a new one gets the lowest that is free", () => {
    const first = render([wants(2), wants(3)]);
    assert.deepEqual(first.screens, { p2: 1, p3: 2 });
    const second = render([wants(1), wants(2), wants(3)], first.config);
    assert.deepEqual(second.screens, { p1: 3, p2: 1, p3: 2 });
    const third = render([wants(1), wants(3), wants(4)], second.config);
    assert.deepEqual(third.screens, { p1: 3, p3: 2, p4: 1 });
    assert.deepEqual(
      [third.restarts["p1"], third.restarts["p3"]],
      [second.restarts["p1"], first.restarts["p3"]],
    );
  });

  it("come and go with a restart, as EVE changes a machine with no other", () => {
    const without = render([wants(1, "false")]);
    const shown = render([wants(1)], without.config);
    const hidden = render([wants(1, "false")], shown.config);
    assert.equal(new Set([without, shown].map(({ restarts }) => restarts["p1"])).size, 2);
    assert.equal(hidden.restarts["p1"], without.restarts["p1"]);
  });

  it("are as many as a box can show, and the next Pod is told so", () => {
    const { screens, faults } = render(Array.from({ length: 100 }, (_, at) => wants(at + 1)));
    assert.deepEqual([Object.keys(screens).length, Math.max(...Object.values(screens))], [99, 99]);
    assert.deepEqual(
      faults.map(({ pod, reason, message }) => [pod.metadata.name, reason, message]),
      [["p100", "NotSupported", "node box has as many screens as it can show"]],
    );
  });
});
