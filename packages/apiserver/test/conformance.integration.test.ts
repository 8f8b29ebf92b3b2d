/** Kubernetes' conformance tests of the API's own machinery, by their names, step by step, over HTTP. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ApiWorld, opensslMissing, type Reply, type RequestOptions } from "./api-world.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const templates = "/api/v1/namespaces/default/podtemplates";
const table = { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" };

class Client {
  readonly #world: ApiWorld;

  constructor(world: ApiWorld) {
    this.#world = world;
  }

  async ask(path: string, code = 200, options: RequestOptions = {}): Promise<Reply["json"]> {
    const reply = await this.#world.send(path, options);
    assert.equal(reply.status, code, `${options.method ?? "GET"} ${path}: ${reply.text}`);
    return reply.json;
  }

  post(path: string, body: object, code = 201, headers = {}): Promise<Reply["json"]> {
    return this.ask(path, code, { method: "POST", body: JSON.stringify(body), headers });
  }

  map(name: string, labels: object, data: object = {}): Promise<Reply["json"]> {
    return this.post(maps, { apiVersion: "v1", kind: "ConfigMap", metadata: { name, labels }, data });
  }

  patch(path: string, body: object): Promise<Reply["json"]> {
    const headers = { "content-type": "application/merge-patch+json" };
    return this.ask(path, 200, { method: "PATCH", headers, body: JSON.stringify(body) });
  }

  remove(path: string): Promise<Reply["json"]> {
    return this.ask(path, 200, { method: "DELETE" });
  }

  /** So many events of a watch, as `TYPE name data`. */
  async seen(path: string, count: number): Promise<string[]> {
    const seen: string[] = [];
    for await (const { type, object } of this.#world.events(path)) {
      const { name } = object.metadata;
      if (seen.push(`${type} ${name} ${object.data?.mutation ?? ""}`.trim()) === count) break;
    }
    return seen;
  }
}

describe("conformance: watches", { skip: opensslMissing() }, () => {
  let world: ApiWorld;
  let client: Client;
  before(async () => {
    world = await new ApiWorld().start();
    client = new Client(world);
  });
  after(() => world[Symbol.asyncDispose]());

  const from = (version: string, selector: string): string =>
    `${maps}?watch=1&resourceVersion=${version}&labelSelector=${encodeURIComponent(selector)}`;
  const now = async (): Promise<string> => (await client.ask(maps)).metadata.resourceVersion;

  it("watch-configmaps-with-multiple-watchers", async () => {
    const start = await now();
    await client.map("a", { which: "A" });
    await client.patch(`${maps}/a`, { data: { mutation: "1" } });
    await client.patch(`${maps}/a`, { data: { mutation: "2" } });
    await client.remove(`${maps}/a`);
    await client.map("b", { which: "B" });
    await client.remove(`${maps}/b`);
    const ofA = ["ADDED a", "MODIFIED a 1", "MODIFIED a 2", "DELETED a 2"];
    const ofB = ["ADDED b", "DELETED b"];
    assert.deepEqual(
      await Promise.all([
        client.seen(from(start, "which=A"), 4),
        client.seen(from(start, "which=B"), 2),
        client.seen(from(start, "which in (A,B)"), 6),
      ]),
      [ofA, ofB, [...ofA, ...ofB]],
    );
  });

  it("watch-configmaps-from-resource-version", async () => {
    await client.map("late", { which: "late" });
    const first = await client.patch(`${maps}/late`, { data: { mutation: "1" } });
    await client.patch(`${maps}/late`, { data: { mutation: "2" } });
    await client.remove(`${maps}/late`);
    const seen = await client.seen(from(first.metadata.resourceVersion, "which=late"), 2);
    assert.deepEqual(seen, ["MODIFIED late 2", "DELETED late 2"]);
  });

  it("watch-configmaps-closed-and-restarted", async () => {
    const start = await now();
    await client.map("again", { which: "again" });
    await client.patch(`${maps}/again`, { data: { mutation: "1" } });
    let last = "";
    for await (const { object } of world.events(from(start, "which=again"))) {
      last = object.metadata.resourceVersion;
      if (object.data?.mutation === "1") break;
    }
    await client.patch(`${maps}/again`, { data: { mutation: "2" } });
    await client.remove(`${maps}/again`);
    const seen = await client.seen(from(last, "which=again"), 2);
    assert.deepEqual(seen, ["MODIFIED again 2", "DELETED again 2"]);
  });

  it("watch-configmaps-label-changed", async () => {
    const start = await now();
    await client.map("moved", { which: "here" });
    await client.patch(`${maps}/moved`, { data: { mutation: "1" } });
    await client.patch(`${maps}/moved`, { metadata: { labels: { which: "there" } } });
    await client.patch(`${maps}/moved`, { data: { mutation: "2" } });
    await client.patch(`${maps}/moved`, { metadata: { labels: { which: "here" } } });
    await client.patch(`${maps}/moved`, { data: { mutation: "3" } });
    await client.remove(`${maps}/moved`);
    // What went out of sight is told as it was when it was last seen to fit.
    assert.deepEqual(await client.seen(from(start, "which=here"), 6), [
      ...["ADDED moved", "MODIFIED moved 1", "DELETED moved 1", "ADDED moved 2", "MODIFIED moved 3"],
      "DELETED moved 3",
    ]);
  });

  it("watch-consistency", async () => {
    const start = await now();
    const writes = Array.from({ length: 25 }, async (_, one) => {
      await client.map(`c${one}`, { which: "many" });
      await client.patch(`${maps}/c${one}`, { data: { mutation: "1" } });
      if (one % 2 === 0) await client.remove(`${maps}/c${one}`);
    });
    const count = 25 * 2 + 13;
    const versions = async (path: string, most: number): Promise<string[]> => {
      const seen: string[] = [];
      for await (const { object } of world.events(path)) {
        if (seen.push(object.metadata.resourceVersion) === most) break;
      }
      return seen;
    };
    const [first] = await Promise.all([versions(from(start, "which=many"), count), ...writes]);
    const numbers = first.map(Number);
    assert.deepEqual(
      numbers,
      numbers.toSorted((left, right) => left - right),
    );
    const places = [0, 7, 20, 40, count - 2];
    const others = await Promise.all(
      places.map((place) => versions(from(first[place] ?? "", "which=many"), count - place - 1)),
    );
    for (const [at, place] of places.entries()) assert.deepEqual(others[at], first.slice(place + 1));
  });
});

describe("conformance: lists and answers", { skip: opensslMissing() }, () => {
  const template = { spec: { containers: [{ name: "c", image: "i:1" }] } };
  /** Makes so many templates, and reads them in pages of `limit`. */
  const make = async (client: Client, count: number): Promise<void> => {
    for (let one = 0; one < count; one++) {
      const name = `template-${`${one}`.padStart(4, "0")}`;
      await client.post(templates, { apiVersion: "v1", kind: "PodTemplate", metadata: { name }, template });
    }
  };
  const count = 20;
  const limit = 8;

  it("API Chunking, server should return chunks of results for list calls", async () => {
    await using world = await new ApiWorld().start();
    const client = new Client(world);
    await make(client, count);
    const names: string[] = [];
    let token = "";
    let version = "";
    do {
      const page = await client.ask(`${templates}?limit=${limit}${token && `&continue=${token}`}`);
      assert.ok(page.items.length <= limit);
      version ||= page.metadata.resourceVersion;
      assert.equal(page.metadata.resourceVersion, version);
      names.push(...page.items.map((one: Reply["json"]) => one.metadata.name));
      const left = count - names.length;
      assert.equal(page.metadata.remainingItemCount, left === 0 ? undefined : left);
      token = page.metadata.continue ?? "";
    } while (token !== "");
    const whole = await client.ask(templates);
    assert.deepEqual(
      names,
      whole.items.map((one: Reply["json"]) => one.metadata.name),
    );
    assert.equal(names.length, count);
  });

  const compacted =
    "API Chunking, server should support continue listing from the last key " +
    "even if the original version has been compacted away";
  it(compacted, async () => {
    await using world = await new ApiWorld({ logMax: 20 }).start();
    const client = new Client(world);
    await make(client, count);
    const first = await client.ask(`${templates}?limit=${limit}`);
    for (let one = 0; one < 40; one++) {
      await client.patch(`${templates}/template-0000`, { metadata: { labels: { n: `n${one}` } } });
    }
    const late = await client.ask(`${templates}?limit=${limit}&continue=${first.metadata.continue}`, 410);
    assert.deepEqual([late.reason, typeof late.metadata.continue], ["Expired", "string"]);
    const second = await client.ask(`${templates}?limit=${limit}&continue=${late.metadata.continue}`);
    assert.deepEqual([second.items.length, second.metadata.remainingItemCount], [limit, count - 2 * limit]);
    assert.notEqual(second.metadata.resourceVersion, first.metadata.resourceVersion);
    const third = await client.ask(`${templates}?limit=${limit}&continue=${second.metadata.continue}`);
    assert.equal(third.metadata.resourceVersion, second.metadata.resourceVersion);
    assert.deepEqual([third.items.length, third.metadata.continue], [count - 2 * limit, undefined]);
  });

  it("API metadata HTTP return", async () => {
    await using world = await new ApiWorld().start();
    const client = new Client(world);
    const spec = { nonResourceAttributes: { path: "/", verb: "get" } };
    const review = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", spec };
    const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    const said = await client.post(path, review, 406, table);
    assert.deepEqual([said.kind, said.reason, said.code], ["Status", "NotAcceptable", 406]);
    const either = await client.post(path, review, 201, { accept: `${table.accept},application/json` });
    assert.equal(either.kind, "SelfSubjectAccessReview");
    // What cannot be answered is not done.
    const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "unseen" } };
    await client.post(maps, map, 406, { accept: "text/html" });
    await client.ask(`${maps}/unseen`, 404);
    assert.equal((await client.post(maps, map, 201, table)).kind, "Table");
  });

  it("namespaces cannot be deleted all at once", async () => {
    await using world = await new ApiWorld().start();
    const client = new Client(world);
    await client.ask("/api/v1/namespaces", 405, { method: "DELETE" });
    const { resources } = await client.ask("/api/v1");
    const namespaces = resources.find((one: Reply["json"]) => one.name === "namespaces");
    assert.equal(namespaces.verbs.includes("deletecollection"), false);
  });
});
