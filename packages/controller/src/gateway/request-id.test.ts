import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { config, pathOf } from "@selvedge/eve-api";
import { enrolledBox, envelope, selfSigned } from "../../test/node-world.ts";

const onboarding = await selfSigned("onboarding");
const ours = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

describe("a request's name", () => {
  it("is on every answer, given or made, and in what the log says of it", async () => {
    await using both = await enrolledBox(onboarding);
    const { world, box } = both;
    const empty = toBinary(config.EdgeDevConfigSchema, create(config.EdgeDevConfigSchema));
    world.configs.set(box.id, { config: empty, hash: "h1" });
    const asked = create(config.ConfigRequestSchema, { configHash: "h1", integrityToken: box.token });
    const poll = envelope(box.device, toBinary(config.ConfigRequestSchema, asked));
    const report = envelope(box.device, new Uint8Array());
    const nothing = new Uint8Array();
    type Row = readonly [name: string, status: number, path: string, body: Uint8Array];
    const rows: readonly Row[] = [
      ["certs-1", 200, pathOf("certs"), nothing],
      ["register-1", 200, pathOf("register"), box.registration()],
      ["config-1", 304, pathOf("config", { node: box.id }), poll],
      ["config-2", 304, pathOf("config", { node: box.id }), poll],
      ["info-1", 201, pathOf("info", { node: box.id }), report],
      ["refused-1", 401, pathOf("info", { node: box.id }), nothing],
      ["path-1", 404, "/nothing", nothing],
    ];
    for (const [name, status, target, body] of rows) {
      const method = target === pathOf("certs") ? "GET" : "POST";
      const send = async (headers: Record<string, string>): Promise<string | undefined> => {
        const answer = await world.gateway.handle({ method, target, headers, body, remote: "r" });
        assert.equal(answer.status, status, name);
        return answer.headers["x-request-id"];
      };
      assert.equal(await send({ "x-request-id": name }), name);
      assert.ok(
        world.logged.some(({ message, fields }) => message === "answered" && fields["requestId"] === name),
      );
      assert.match((await send({})) ?? "", ours);
      // What could end a line of the log, or a header, is not taken over.
      assert.match((await send({ "x-request-id": "a\nb" })) ?? "", ours);
    }
    world.failReport = new Error("disk full");
    const target = pathOf("info", { node: box.id });
    const headers = { "x-request-id": "failed-1" };
    const answer = await world.gateway.handle({ method: "POST", target, headers, body: report, remote: "r" });
    assert.deepEqual([answer.status, answer.headers["x-request-id"]], [503, "failed-1"]);
    const told = world.logged.filter(({ fields }) => fields["requestId"] === "failed-1");
    assert.deepEqual(
      told.map(({ message }) => message),
      ["request failed", "answered"],
    );
  });

  it("of what made or proved a node is told without being asked for", async () => {
    await using both = await enrolledBox(onboarding);
    const told = both.world.logged.filter(({ message, level }) => message === "answered" && level === "info");
    assert.deepEqual([...new Set(told.map(({ fields }) => fields["endpoint"]))], ["register", "attest"]);
  });
});
