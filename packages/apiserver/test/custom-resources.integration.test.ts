/** A user's own kind, from its definition to its end, by stock kubectl. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { kubectl, kubectlMissing } from "../../../tests/kubectl.ts";
import { ApiWorld, opensslMissing } from "./api-world.ts";
import { cronTabs } from "./crontab.ts";

const missing = (await kubectlMissing()) || opensslMissing();

describe("a kind that a user brings", { skip: missing }, () => {
  let world: ApiWorld;
  let binary = "";
  const run = async (...words: string[]): Promise<string> => {
    const { code, out, err } = await world.kubectl(binary, words);
    assert.equal(code, 0, err);
    return out + err;
  };
  const refused = async (...words: string[]): Promise<string> => {
    const { code, err } = await world.kubectl(binary, words);
    assert.notEqual(code, 0);
    return err;
  };
  const tab = (name: string, spec: object, version = "v1"): string =>
    world.file(`${name}.json`, {
      apiVersion: `stable.example.com/${version}`,
      ...{ kind: "CronTab", metadata: { name }, spec },
    });

  before(async () => {
    world = await new ApiWorld().start();
    binary = (await kubectl()) ?? "";
  });
  after(() => world[Symbol.asyncDispose]());

  it("is served once its definition is established", async () => {
    assert.match(await run("apply", "-f", world.file("crd.json", cronTabs())), /created/);
    await run("wait", "--for=condition=Established", "crd/crontabs.stable.example.com", "--timeout=20s");
    const names = await run("api-resources", "--api-group=stable.example.com", "--no-headers");
    assert.match(names, /crontabs +ct +stable.example.com\/v1 +true +CronTab/);
  });

  it("takes what its schema allows, with its defaults, and no more", async () => {
    const good = { cronSpec: "* * * * 5", replicas: 3, port: "http", parts: [{ name: "a", size: 7 }] };
    await run("create", "-f", tab("good", good));
    assert.equal(await run("get", "ct/good", "-o", "jsonpath={.spec.image}"), "busybox");
    assert.match(
      await refused("create", "-f", tab("odd", { ...good, extra: 1 })),
      /unknown field "spec.extra"/,
    );
    const bad = { cronSpec: "x", replicas: 30, port: true, parts: [{ name: "a" }, { name: "a" }] };
    const said = await refused("create", "--validate=ignore", "-f", tab("bad", bad));
    for (const fault of [
      `spec.cronSpec: Invalid value: "x": spec.cronSpec in body should match`,
      "spec.replicas: Invalid value: 30: spec.replicas in body should be less than or equal to 10",
      `spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean"`,
      `spec.parts[1]: Duplicate value: {"name":"a"}`,
    ]) {
      assert.ok(said.includes(fault), said);
    }
  });

  it("is asked by the definition's rules", async () => {
    const said = await refused(
      "create",
      "-f",
      tab("one", { cronSpec: "* * * * *", image: "one", replicas: 2 }),
    );
    assert.ok(said.includes(`spec.replicas: Invalid value: "object": one runs once, not 2 times`), said);
    const patch = '{"spec":{"cronSpec":"1 1 1 1 1"}}';
    assert.match(await refused("patch", "ct/good", "--type=merge", "-p", patch), /cronSpec is immutable/);
    const bad = cronTabs();
    const spec = bad.spec.versions[0]?.schema?.openAPIV3Schema?.properties?.["spec"] as Record<
      string,
      unknown
    >;
    spec["x-kubernetes-validations"] = [{ rule: "self.gone == 1" }];
    const fault = await refused("apply", "-f", world.file("bad.json", bad));
    assert.ok(fault.includes("compilation failed: ERROR: <input>:1:5: undefined field 'gone'"), fault);
  });

  it("is shown, explained, scaled and found by its fields", async () => {
    assert.match(
      await run("get", "ct", "-o", "wide"),
      /NAME +SPEC +REPLICAS +PART +AGE\ngood +\* .* 5 +3 +7 /,
    );
    assert.match(await run("explain", "crontab.spec"), /cronSpec\t<string> -required-\n +When it runs/);
    await run("scale", "ct/good", "--replicas=5");
    const less = ["--subresource=scale", "--type=merge", "-p", '{"spec":{"replicas":-1}}'];
    const none = /\* \.spec\.replicas: Invalid value: -1: should be a non-negative integer/;
    assert.match(await refused("patch", "ct/good", ...less), none);
    assert.equal(await run("get", "ct/good", "-o", "jsonpath={.spec.replicas}"), "5");
    assert.match(await run("get", "ct", "--field-selector=spec.image=busybox", "-o", "name"), /good/);
    assert.match(await refused("get", "ct", "--field-selector=spec.port=1"), /field label not supported/);
  });

  it("is seen in another version without what that version lacks", async () => {
    const seen = await run("get", "crontabs.v1beta1.stable.example.com/good", "-o", "json");
    assert.match(seen, /v1beta1 CronTab is deprecated; use stable.example.com\/v1 CronTab/);
    assert.match(seen, /"spec": {\s*"cronSpec": "\* \* \* \* 5"\s*}/);
  });

  it("follows its definition while it changes", async () => {
    const changed = cronTabs();
    const schema = changed.spec.versions[0]?.schema?.openAPIV3Schema;
    const spec = schema?.properties?.["spec"]?.properties as Record<string, object>;
    spec["color"] = { type: "string", default: "grey" };
    spec["replicas"] = { type: "integer", maximum: 4 };
    await run("apply", "-f", world.file("crd.json", changed));
    assert.equal(await run("get", "ct/good", "-o", "jsonpath={.spec.color}"), "grey");
    // What is stored is more than the schema allows now: it may stay so, and may not be made so.
    await run("label", "ct/good", "a=b");
    assert.match(await refused("scale", "ct/good", "--replicas=6"), /should be less than or equal to 4/);
  });

  it("refuses a definition that is no good, and a name that is taken", async () => {
    const bad = cronTabs();
    bad.metadata.name = "tabs.stable.example.com";
    bad.spec.names = { plural: "tabs", kind: "Tab", shortNames: ["ct"] };
    const [version] = bad.spec.versions;
    assert.ok(version?.schema);
    version.schema.openAPIV3Schema = { type: "object", properties: { spec: { description: "no type" } } };
    const said = await refused("apply", "-f", world.file("bad-crd.json", bad));
    const path = "spec.versions[0].schema.openAPIV3Schema.properties[spec].type";
    assert.ok(said.includes(`${path}: Required value: must not be empty for specified object fields`), said);
    version.schema.openAPIV3Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
    delete version.selectableFields;
    await run("apply", "-f", world.file("bad-crd.json", bad));
    await run("wait", "--for=condition=NamesAccepted=false", "crd/tabs.stable.example.com", "--timeout=20s");
    const why = '{.status.conditions[?(@.type=="NamesAccepted")].message}';
    assert.equal(
      await run("get", "crd/tabs.stable.example.com", "-o", `jsonpath=${why}`),
      '"ct" is already in use',
    );
    await run("delete", "crd/tabs.stable.example.com", "--timeout=20s");
  });

  it("goes with its objects, and a watch ends with what happened to them", async () => {
    const path = "/apis/stable.example.com/v1/crontabs?watch=true";
    const seen: string[] = [];
    const events = world.events(path);
    const first = await events.next();
    assert.equal(first.value.type, "ADDED");
    await run("delete", "crd/crontabs.stable.example.com", "--timeout=20s");
    for await (const { type } of events) seen.push(type);
    assert.equal(seen.at(-1), "DELETED");
    assert.match(await refused("get", "ct"), /the server doesn't have a resource type|could not find/);
  });
});
