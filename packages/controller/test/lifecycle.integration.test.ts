/**
 * What every kind can: made, read, listed, watched, replaced, patched, its status written apart, and deleted
 * as a collection, over HTTP. The rows are named after Kubernetes' conformance tests of the same.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ApiWorld, opensslMissing, type Reply, type RequestOptions } from "../../apiserver/test/api-world.ts";
import { rows } from "./lifecycle-rows.ts";

describe("the life of an object", { skip: opensslMissing() }, () => {
  let world: ApiWorld;
  before(async () => {
    world = await new ApiWorld().start();
  });
  after(() => world[Symbol.asyncDispose]());

  /** Asks, and insists on what comes of it. */
  const ask = async (path: string, code: number, options: RequestOptions = {}): Promise<Reply["json"]> => {
    const reply = await world.send(path, options);
    assert.equal(reply.status, code, `${options.method ?? "GET"} ${path}: ${reply.text}`);
    return reply.json;
  };
  const json = (value: unknown): string => JSON.stringify(value);
  const patch = (body: object): RequestOptions => ({
    ...{ method: "PATCH", headers: { "content-type": "application/merge-patch+json" }, body: json(body) },
  });

  for (const { names, at, kind, body, status, clusterWide } of rows) {
    it(names.join("; "), async () => {
      const [base = "", plural = ""] = at.split(" ");
      const apiVersion = base.replace(/^\/apis?\//, "");
      const all = `${base}/${plural}`;
      const folder = clusterWide ? all : `${base}/namespaces/default/${plural}`;
      const metadata = { name: "one", labels: { life: plural } };
      const made = await ask(folder, 201, {
        method: "POST",
        body: json({ apiVersion, kind, metadata, ...body }),
      });
      const list = await ask(`${all}?labelSelector=life%3D${plural}`, 200);
      assert.deepEqual([list.items.length, list.items[0].metadata.uid], [1, made.metadata.uid]);
      const from = list.metadata.resourceVersion;

      const patched = await ask(`${folder}/one`, 200, patch({ metadata: { labels: { patched: "yes" } } }));
      assert.equal(patched.metadata.labels.patched, "yes");
      patched.metadata.annotations = { replaced: "yes" };
      const replaced = await ask(`${folder}/one`, 200, { method: "PUT", body: json(patched) });
      assert.equal(replaced.metadata.annotations.replaced, "yes");
      if (status !== undefined) {
        const annotations = { patchedstatus: "yes" };
        const change = { status, spec: { ignored: true }, metadata: { annotations } };
        const said = await ask(`${folder}/one/status`, 200, patch(change));
        assert.equal(said.metadata.annotations.patchedstatus, "yes");
        for (const [name, value] of Object.entries(status)) assert.deepEqual(said.status[name], value, name);
        assert.deepEqual(said.spec, replaced.spec);
        said.metadata.annotations = { replaced: "no" };
        await ask(`${folder}/one/status`, 200, { method: "PUT", body: json(said) });
        const read = await ask(`${folder}/one/status`, 200);
        assert.deepEqual([read.status, read.spec], [said.status, replaced.spec]);
      }
      await ask(folder, 201, {
        method: "POST",
        body: json({ apiVersion, kind, ...body, metadata: { name: "two", labels: { life: "other" } } }),
      });
      // Some kinds leave what is theirs behind unless it is said otherwise.
      const these = `labelSelector=life%3D${plural}&propagationPolicy=Background`;
      await ask(`${folder}?${these}`, 200, { method: "DELETE" });
      await ask(`${folder}/one`, 404);
      await ask(`${folder}/two`, 200);
      await ask(`${folder}/two`, 200, { method: "DELETE" });

      const query = `watch=1&resourceVersion=${from}&labelSelector=life%3D${plural}`;
      const types: string[] = [];
      for await (const { type } of world.events(`${folder}?${query}`)) {
        types.push(type);
        if (type === "DELETED") break;
      }
      assert.deepEqual([types[0], types.at(-1)], ["MODIFIED", "DELETED"]);
    });
  }

  const scaled: readonly (readonly [string, string])[] = [
    ["Deployment, completes the scaling of a Deployment subresource", "deployments"],
    ["ReplicaSet, completes the scaling of a ReplicaSet subresource", "replicasets"],
    ["StatefulSet resource Replica scaling", "statefulsets"],
    ["Replication Controller, get and update ReplicationController scale", "replicationcontrollers"],
  ];
  for (const [name, plural] of scaled) {
    it(name, async () => {
      const row = rows.find(({ at }) => at.endsWith(` ${plural}`));
      const [base = ""] = row?.at.split(" ") ?? [];
      const folder = `${base}/namespaces/default/${plural}`;
      const apiVersion = base.replace(/^\/apis?\//, "");
      await ask(folder, 201, {
        method: "POST",
        body: json({ apiVersion, kind: row?.kind, ...row?.body, metadata: { name: "s" } }),
      });
      const scale = await ask(`${folder}/s/scale`, 200);
      assert.deepEqual([scale.kind, scale.apiVersion, scale.spec.replicas], ["Scale", "autoscaling/v1", 1]);
      scale.spec.replicas = 2;
      await ask(`${folder}/s/scale`, 200, { method: "PUT", body: json(scale) });
      const patched = await ask(`${folder}/s/scale`, 200, patch({ spec: { replicas: 4 } }));
      assert.deepEqual([patched.spec.replicas, (await ask(`${folder}/s`, 200)).spec.replicas], [4, 4]);
    });
  }

  const ofNamespaces = [
    ...["Namespace, apply finalizer to a namespace", "Namespace, apply update to a namespace"],
    ...["Namespace patching", "Namespace, apply changes to a namespace status"],
  ];
  it(ofNamespaces.join("; "), async () => {
    const body = json({ apiVersion: "v1", kind: "Namespace", metadata: { name: "life" } });
    const made = await ask("/api/v1/namespaces", 201, { method: "POST", body });
    assert.deepEqual([made.status.phase, made.spec.finalizers], ["Active", ["kubernetes"]]);
    const path = "/api/v1/namespaces/life";
    const patched = await ask(path, 200, patch({ metadata: { labels: { patched: "yes" } } }));
    patched.metadata.labels.updated = "yes";
    const updated = await ask(path, 200, { method: "PUT", body: json(patched) });
    assert.deepEqual([updated.metadata.labels.patched, updated.metadata.labels.updated], ["yes", "yes"]);
    const finalize = async (finalizers: string[]): Promise<unknown> => {
      const now = await ask(path, 200);
      const written = await ask(`${path}/finalize`, 200, {
        method: "PUT",
        body: json({ ...now, spec: { finalizers } }),
      });
      return written.spec.finalizers;
    };
    const both = ["kubernetes", "lab.example/fake"];
    assert.deepEqual([await finalize(both), await finalize(["kubernetes"])], [both, ["kubernetes"]]);
    const conditions = [{ type: "Tested", status: "True" }];
    const said = await ask(`${path}/status`, 200, patch({ status: { conditions } }));
    assert.deepEqual([said.status.phase, said.status.conditions[0].type], ["Active", "Tested"]);
  });
});
