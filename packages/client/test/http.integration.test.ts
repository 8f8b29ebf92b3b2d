/** The client over HTTP, against a real API server. */
import assert from "node:assert/strict";
import { request } from "node:https";
import { after, before, describe, it } from "node:test";
import { Log, SeededRandom, SystemClock, silentSink } from "@selvedge/base";
import { type ConfigMap, configMapKind, type Deployment, deploymentKind } from "@selvedge/kinds";
import { ApiWorld, opensslMissing } from "../../apiserver/test/api-world.ts";
import { HttpObjects, Informer, isReason, RequestTransport } from "../src/index.ts";

function settings(name: string, value: string): ConfigMap {
  const metadata = { name, namespace: "default", labels: { color: value } };
  return { apiVersion: "v1", kind: "ConfigMap", metadata, data: { value } };
}

describe("the client over HTTP", { skip: opensslMissing() }, () => {
  let world: ApiWorld;
  let objects: HttpObjects;
  before(async () => {
    world = await new ApiWorld().start();
    const transport = new RequestTransport(`https://127.0.0.1:${world.port}/`, (url, options) => {
      const headers = { ...options.headers, authorization: "Bearer root" };
      return request(url, { ...options, headers, rejectUnauthorized: false });
    });
    objects = new HttpObjects(transport);
  });
  after(() => world[Symbol.asyncDispose]());

  const informer = (labelSelector?: string): Informer<ConfigMap> => {
    const clock = new SystemClock();
    return new Informer<ConfigMap>({
      ...{ objects, kind: configMapKind, clock, random: new SeededRandom(1) },
      log: new Log("test", clock, silentSink),
      indexes: { value: ({ data }) => [data?.["value"] ?? ""] },
      ...(labelSelector === undefined ? {} : { labelSelector }),
    });
  };

  /** Resolves once the copy says so; changes wake it, no time passes in between. */
  const until = (copy: Informer<ConfigMap>, holds: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!holds()) return;
        stop();
        resolve();
      };
      const stop = copy.onChange(look);
      look();
    });

  it("makes, reads, changes, applies and deletes", async () => {
    const made = await objects.create(configMapKind, settings("one", "a"), { fieldManager: "test" });
    assert.ok(made.metadata.uid);
    assert.deepEqual(await objects.get(configMapKind, "one", "default"), made);
    await assert.rejects(objects.create(configMapKind, settings("one", "a")), (error) =>
      isReason(error, "AlreadyExists"),
    );
    const changed = await objects.update(configMapKind, { ...made, data: { value: "b" } });
    await assert.rejects(objects.update(configMapKind, made), (error) => isReason(error, "Conflict"));
    const patched = await objects.patch<ConfigMap>(configMapKind, "one", "default", "merge", {
      data: { more: "c" },
    });
    assert.deepEqual(patched.data, { ...changed.data, more: "c" });
    const applied = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "two" }, data: { value: "d" } };
    const options = { fieldManager: "test", force: true };
    await objects.patch(configMapKind, "two", "default", "apply", applied, options);
    const { items } = await objects.list<ConfigMap>(configMapKind, {
      namespace: "default",
      labelSelector: "color",
    });
    assert.deepEqual(
      items.map(({ metadata }) => metadata.name),
      ["one"],
    );
    await objects.delete(configMapKind, "one", "default");
    await objects.delete(configMapKind, "two", "default", { propagationPolicy: "Background" });
    await assert.rejects(objects.get(configMapKind, "one", "default"), (error) =>
      isReason(error, "NotFound"),
    );
  });

  it("is told what is wrong, with the fields", async () => {
    const wrong = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "x", namespace: "default" },
      spec: {},
    };
    await assert.rejects(objects.create(deploymentKind, wrong as unknown as Deployment), (error) => {
      assert.ok(isReason(error, "Invalid"));
      const fields = (error as { status?: { details?: { causes?: { field?: string }[] } } }).status?.details
        ?.causes;
      assert.ok(fields?.some(({ field }) => field === "spec.template.spec.containers"));
      return true;
    });
  });

  it("keeps a copy current, and sees its own writes at once", async () => {
    await objects.create(configMapKind, settings("before", "red"));
    await using copy = informer();
    copy.start();
    await copy.synced;
    assert.equal(copy.get("before", "default")?.data?.["value"], "red");
    const mine = await objects.create(configMapKind, settings("mine", "red"));
    copy.accept(mine);
    assert.deepEqual(
      copy
        .by("value", "red")
        .map(({ metadata }) => metadata.name)
        .sort(),
      ["before", "mine"],
    );
    await objects.update(configMapKind, { ...mine, data: { value: "blue" } });
    await until(copy, () => copy.get("mine", "default")?.data?.["value"] === "blue");
    await objects.delete(configMapKind, "mine", "default");
    await until(copy, () => copy.get("mine", "default") === undefined);
    assert.equal(copy.by("value", "blue").length, 0);
  });

  it("follows what comes into a selection and leaves it", async () => {
    await using copy = informer("color=green");
    copy.start();
    await copy.synced;
    const made = await objects.create(configMapKind, settings("leaf", "green"));
    await until(copy, () => copy.size === 1);
    const brown = { ...made, metadata: { ...made.metadata, labels: { color: "brown" } } };
    await objects.update(configMapKind, brown);
    await until(copy, () => copy.size === 0);
  });
});
