/** A kind that is made when somebody asks, and whose changes are told of: informers list it and follow it. */
import assert from "node:assert/strict";
import { it } from "node:test";
import type { KubeObject } from "@selvedge/apimachinery";
import { apiServiceKind } from "@selvedge/kinds";
import { ApiWorld, opensslMissing } from "./api-world.ts";

const services = "/apis/apiregistration.k8s.io/v1/apiservices";

it("what is made when somebody asks is watched", { skip: opensslMissing() }, async () => {
  let names = ["v1.", "v1.apps"];
  const listeners = new Set<() => void>();
  const made = (): KubeObject[] =>
    names.map((name) => ({
      ...{ apiVersion: "apiregistration.k8s.io/v1", kind: "APIService", metadata: { name } },
      ...{ spec: {}, status: { conditions: [] } },
    }));
  const become = (next: string[]): void => {
    names = next;
    for (const listener of listeners) listener();
  };
  await using world = await new ApiWorld({
    computed: [
      {
        kind: apiServiceKind,
        get: (name) => made().find(({ metadata }) => metadata.name === name),
        list: made,
        onChange: (listener) => {
          listeners.add(listener);
          return () => void listeners.delete(listener);
        },
      },
    ],
  }).start();
  const group = await world.send("/apis/apiregistration.k8s.io/v1");
  assert.deepEqual(group.json.resources[0].verbs, ["get", "list", "watch"]);
  const listed = (await world.send(services)).json.metadata.resourceVersion;

  const streamed = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
  const seen: string[] = [];
  for await (const { type, object } of world.events(`${services}?watch=1&${streamed}`)) {
    const { name = "", annotations = {} } = object.metadata;
    seen.push(`${type} ${name || Object.keys(annotations)}`);
    if (type === "BOOKMARK") become(["v1.", "v1.batch"]);
    if (name === "v1.batch") break;
  }
  const first = ["ADDED v1.", "ADDED v1.apps", "BOOKMARK k8s.io/initial-events-end"];
  assert.deepEqual(seen, [...first, "DELETED v1.apps", "ADDED v1.batch"]);

  // Who has what there was before has to list anew; who has what there is hears only what comes.
  const late = await world.send(`${services}?watch=1&resourceVersion=${listed}`);
  assert.deepEqual([late.status, late.json.reason], [410, "Expired"]);
  const now = (await world.send(services)).json.metadata.resourceVersion;
  const events = world.events(`${services}?watch=1&resourceVersion=${now}&timeoutSeconds=1`);
  const after: unknown[] = [];
  for await (const event of events) after.push(event);
  assert.deepEqual(after, []);
  // Its stream ended: nobody is told any more.
  for (let turn = 0; listeners.size > 0 && turn < 100; turn++) await world.send("/version");
  assert.equal(listeners.size, 0);
});
