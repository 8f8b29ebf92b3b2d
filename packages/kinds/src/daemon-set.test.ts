import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "@selvedge/apimachinery";
import { admit } from "../test/admit.ts";
import { daemonSetKind } from "./daemon-set.ts";

const name = "deprecated.daemonset.template.generation";
const made = (annotations: Record<string, string>, cpu: string, seconds = 0): object => ({
  metadata: { name: "d", namespace: "default", annotations },
  spec: {
    minReadySeconds: seconds,
    selector: { matchLabels: { a: "b" } },
    template: {
      metadata: { labels: { a: "b" } },
      spec: { containers: [{ name: "c", image: "i", resources: { requests: { cpu } } }] },
    },
  },
});

test("a DaemonSet counts its templates, whatever others say of it", () => {
  const seen: (string | undefined)[] = [];
  let old: KubeObject | undefined;
  for (const [said, cpu, seconds] of [
    ["7", "1", 0],
    ["", "1000m", 0],
    ["99", "1", 3],
    ["99", "2", 3],
  ] as const) {
    const annotations: Record<string, string> = said === "" ? {} : { [name]: said };
    const { object, errors } = admit(daemonSetKind, made(annotations, cpu, seconds), old);
    assert.deepEqual(errors, []);
    seen.push(object.metadata.annotations?.[name]);
    old = object;
  }
  assert.deepEqual(seen, ["7", "7", "7", "8"]);
  assert.equal(admit(daemonSetKind, made({}, "1")).object.metadata.annotations?.[name], "1");
  assert.deepEqual(admit(daemonSetKind, made({ [name]: "x" }, "1")).errors, [
    `metadata.annotations[${name}]: Invalid value: "x": must be a number`,
  ]);
});
