/** Configurations of webhooks while they change, as upstream's conformance tests change them. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { opensslMissing } from "./api-world.ts";
import { type Answer, type Asked, deny, patch } from "./hook-server.ts";
import { configMap, HookWorld, maps, registration, rule, type SaidHook } from "./hook-world.ts";

const yes = { allowed: true };
const answers: Readonly<Record<string, Answer>> = {
  "/configmaps": ({ object: { data = {} } }: Asked) => (data.bad === "yes" ? deny("it is bad") : yes),
  "/mutating-configmaps": () => patch({ op: "add", path: "/data/mutation-stage-1", value: "yes" }),
  "/always-deny": () => deny("this webhook denies all requests"),
  "/never": () => undefined,
};
const types = ["mutating", "validating"] as const;
const creations = [rule("configmaps", "CREATE")];
const bad = configMap("bad", { bad: "yes" });
const good = configMap("good", { some: "thing" });

describe("conformance: configurations of admission webhooks", { skip: opensslMissing() }, () => {
  let world: HookWorld;
  before(async () => {
    world = await new HookWorld(answers).start();
  });
  after(() => world[Symbol.asyncDispose]());
  afterEach(() => world.cleanUp());

  const forget = async (name: string): Promise<void> => {
    await world.ask(`${maps}/${name}`, 200, { method: "DELETE" });
  };
  const operations = (value: string[]): object[] => [
    { op: "replace", path: "/webhooks/0/rules/0/operations", value },
  ];

  it("Admission webhook, update validating webhook", async () => {
    const at = await world.register("validating", "update", creations, { path: "/configmaps" });
    await world.post(maps, bad, 400);
    const stored = await world.ask(at, 200);
    stored.webhooks[0].rules[0].operations = ["UPDATE"];
    await world.put(at, stored);
    await world.post(maps, bad);
    await forget("bad");
    await world.patch(at, operations(["CREATE"]), 200, "json-patch+json");
    await world.post(maps, bad, 400);
  });

  it("Admission webhook, update mutating webhook", async () => {
    const at = await world.register("mutating", "update", creations, { path: "/mutating-configmaps" });
    const stored = await world.ask(at, 200);
    stored.webhooks[0].rules[0].operations = ["UPDATE"];
    await world.put(at, stored);
    assert.deepEqual((await world.post(maps, good)).data, { some: "thing" });
    await forget("good");
    await world.patch(at, operations(["CREATE"]), 200, "json-patch+json");
    assert.deepEqual((await world.post(maps, good)).data, { some: "thing", "mutation-stage-1": "yes" });
  });

  for (const type of types) {
    it(`Admission webhook, list ${type} webhooks`, async () => {
      const path = `${registration}/${type}webhookconfigurations`;
      const about: SaidHook = { path: type === "mutating" ? "/mutating-configmaps" : "/configmaps" };
      for (let one = 0; one < 10; one++) {
        const body = world.configuration(type, `list-${one}`, creations, about);
        await world.post(path, { ...body, metadata: { name: `list-${one}`, labels: { list: "yes" } } });
      }
      const { items } = await world.ask(`${path}?labelSelector=list%3Dyes`, 200);
      assert.equal(items.length, 10);
      if (type === "validating") await world.post(maps, bad, 400);
      else assert.equal((await world.post(maps, good)).data["mutation-stage-1"], "yes");
      await world.ask(`${path}?labelSelector=list%3Dyes`, 200, { method: "DELETE" });
      if (type === "mutating") await forget("good");
      const { data } = await world.post(maps, type === "validating" ? bad : good);
      assert.equal(data["mutation-stage-1"], undefined);
    });

    const called = type === "mutating" ? "Mutating" : "Validating";
    const withConditions = `${type} webhook configuration with matchConditions`;
    it(`${called} Admission webhook, create and update ${withConditions}`, async () => {
      const condition = (name: string, namespace: string): object => {
        return { name, expression: `object.metadata.namespace == '${namespace}'` };
      };
      const first = [condition("expression-1", "production")];
      const at = await world.register(type, "conditions", creations, {
        path: "/always-deny",
        matchConditions: first,
      });
      assert.deepEqual((await world.ask(at, 200)).webhooks[0].matchConditions, first);
      const both = [...first, condition("expression-2", "staging")];
      const stored = await world.ask(at, 200);
      stored.webhooks[0].matchConditions = both;
      await world.put(at, stored);
      assert.deepEqual((await world.ask(at, 200)).webhooks[0].matchConditions, both);
      await world.post(maps, good);
    });

    const rejected = type === "mutating" ? "Mutating" : "Validing";
    const withMistakes = `${type} webhook configurations with invalid matchConditions`;
    it(`${rejected} Admission webhook, reject ${withMistakes}`, async () => {
      const matchConditions = [{ name: "invalid-expression-1", expression: "... [] bad expression" }];
      const body = world.configuration(type, "invalid", creations, { path: "/always-deny", matchConditions });
      const { message } = await world.post(`${registration}/${type}webhookconfigurations`, body, 422);
      assert.match(
        message,
        /webhooks\[0\].matchConditions\[0\].expression: Invalid value: .*compilation failed/,
      );
    });
  }

  it("Mutating Admission webhook, mutating webhook excluding object with specific name", async () => {
    const matchConditions = [{ name: "skip-me", expression: "object.metadata.name != 'skip-me'" }];
    const about = { path: "/mutating-configmaps", matchConditions };
    await world.register("mutating", "skips", creations, about);
    assert.deepEqual((await world.post(maps, configMap("skip-me", { a: "b" }))).data, { a: "b" });
    assert.equal((await world.post(maps, good)).data["mutation-stage-1"], "yes");
  });

  it("Admission webhook, honor timeout", async () => {
    const about = { path: "/never", timeoutSeconds: 1 };
    const at = await world.register("validating", "slow", creations, about);
    const { message } = await world.post(maps, good, 500);
    const url = world.hooks.client("/never").url;
    assert.equal(
      message,
      'Internal error occurred: failed calling webhook "hook-0.slow.example": failed to call webhook: ' +
        `Post "${url}?timeout=1s": context deadline exceeded`,
    );
    const ignore = [{ op: "replace", path: "/webhooks/0/failurePolicy", value: "Ignore" }];
    await world.patch(at, ignore, 200, "json-patch+json");
    await world.post(maps, good);
    await forget("good");
    const longer = { path: "/configmaps", timeoutSeconds: 10 };
    const stored = await world.ask(at, 200);
    const { webhooks } = world.configuration("validating", "slow", creations, longer) as Asked;
    await world.put(at, { ...stored, webhooks });
    await world.post(maps, good);
    assert.match(world.hooks.asked.at(-1)?.path ?? "", /timeout=10s$/);
  });
});
