/** EVE's own edge-view, not a word changed, looks at our engine through a dispatcher. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHmac, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { config } from "@selvedge/eve-api";
import type { EdgeNode } from "@selvedge/kinds";
import type { OpenToken } from "../../packages/controller/src/remote-access/session-names.ts";
import { edgeviewOf, type TokenMaker } from "../../packages/controller/src/render/node-edgeview.ts";
import { translateEdgeview } from "../../packages/engine/src/control/translate-edgeview.ts";
import type { EdgeviewSpec } from "../../packages/engine/src/desired.ts";
import { controller, node, reports, type World, world } from "../../packages/engine/test/edgeview-world.ts";
import { waitFor } from "../../packages/harness/src/real/wait.ts";
import { type ControllerDoor, controllerDoor } from "./edgeview/controller-door.ts";
import { buildEdgeview } from "./edgeview/edgeview-build.ts";
import { EdgeviewClient } from "./edgeview/edgeview-client.ts";

const program = process.getuid?.() === 0 ? buildEdgeview() : "EVE's client needs root: its paths are fixed";
const skip = typeof program === "string" ? program : false;

const pem = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString();

function sshKey(kind: string, comment: string): { readonly privateKey: string; readonly publicKey: string } {
  const folder = mkdtempSync(join(tmpdir(), "svek-"));
  try {
    const file = join(folder, "key");
    const size = kind === "rsa" ? ["-b", "2048"] : [];
    execFileSync("ssh-keygen", ["-q", "-t", kind, ...size, "-N", "", "-C", comment, "-f", file]);
    return { privateKey: readFileSync(file, "utf8"), publicKey: readFileSync(`${file}.pub`, "utf8") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function clientOf(at: World, key?: string): Promise<EdgeviewClient> {
  assert.ok(typeof program === "object");
  return await EdgeviewClient.open({
    ...{ program: program.path, certificate: at.dispatcher.certificate, token: at.token },
    ...(key === undefined ? {} : { key }),
  });
}

describe("EVE's edge-view and our engine", { skip, timeout: 60_000 }, () => {
  it("prints what the node says of itself, and what it is refused", async () => {
    await using at = await world();
    await using client = await clientOf(at);
    assert.match(await client.ask("hw"), /memory +1024 MiB\n/);
    assert.match(await client.ask("log/waits for", "-time", "0-1"), /EdgeView waits for its peer/);
    const outside = await client.ask("tcp/192.0.2.200:80");
    assert.match(outside, /cmd policy check failed: External policy not allow/);
  });

  it("fetches what the node reports of itself, and no file of the box", async () => {
    await using at = await world();
    await using client = await clientOf(at);
    const said = await client.ask("cp//engine.log");
    assert.match(said, /transfer file: name engine\.log, size 60009/);
    assert.doesNotMatch(said, /sha256 different/);
    assert.equal(Buffer.from(await client.fetched("engine.log")).toString(), reports["engine.log"]);
    assert.match(await client.ask("cp//etc/shadow"), /\/etc\/shadow is no report of this node/);
    assert.match(await client.ask("techsupport"), /file techsupport-shop-1-\d+\.tar\.gz size \d+/);
    const name = /transfer file: name (\S+),/.exec(await client.ask("tar//"))?.[1] ?? "";
    const listed = execFileSync("tar", ["-t"], { input: await client.fetched(name), encoding: "utf8" });
    assert.equal(listed, "reports/routes.txt\nreports/engine.log\n");
    assert.match(
      await client.ask("log/copy-logfiles"),
      /tarfile size \d+, untar log files at \/download\/newlog/,
    );
    const both = await client.ask("cat//routes.txt,lastreboot");
    assert.match(both, /=== cat\/\/routes\.txt ===\s+default via[^=]+=== lastreboot ===\s+booted +1970/);
  });

  it("meets it at our controller, by the token that this makes, within what it allows", async () => {
    const tokens: OpenToken[] = [];
    await using door = await controllerDoor(() => tokens);
    const spec = renderedSpec(door);
    tokens.push({ node, token: spec.token });
    await using at = await world({}, {}, { spec });
    const isThere = (): boolean =>
      at.records.some(({ message }) => message === "EdgeView waits for its peer");
    await waitFor("the engine at the dispatcher", async () => isThere() || undefined);
    assert.ok(typeof program === "object");
    const { certificate } = door;
    await using client = await EdgeviewClient.open({ program: program.path, certificate, token: spec.token });
    assert.match(await client.ask("hw"), /memory +1024 MiB/);
    assert.match(await client.ask("flow"), /cmd policy check failed: App policy not allow/);
    await client.ask("cp//engine.log");
    assert.equal(Buffer.from(await client.fetched("engine.log")).toString(), reports["engine.log"]);
    const stranger = { program: program.path, certificate, token: `${spec.token}x` };
    await using other = await EdgeviewClient.open(stranger);
    assert.match(await other.ask("hw"), /probe response: no device online/);
  });

  it("takes commands that the controller's key has signed, and no others", async () => {
    await using at = await world({}, { aut: 1 });
    await using client = await clientOf(at, pem(controller.privateKey));
    assert.match(await client.ask("configitem"), /timer\.config\.interval +60/);
    await using stranger = await clientOf(
      at,
      pem(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey),
    );
    assert.match(await stranger.ask("configitem"), /authentication for command failed to verify/);
  });

  for (const kind of ["ecdsa", "rsa"])
    it(`takes commands that an SSH key has signed, and writes down whose it is: ${kind}`, async () => {
      const [mine, others] = [sshKey(kind, "ada@works"), sshKey(kind, "mallory")];
      await using at = await world(
        {},
        { aut: 2 },
        { settings: [["edgeview.authen.publickey", mine.publicKey]] },
      );
      await using client = await clientOf(at, mine.privateKey);
      assert.match(await client.ask("hw"), /memory +1024 MiB/);
      const audit = at.records.find(({ message }) => message === "an EdgeView command")?.fields;
      assert.deepEqual(audit, { command: "hw", from: "127.0.0.1", user: "", signed: "ada@works" });
      await using stranger = await clientOf(at, others.privateKey);
      assert.match(await stranger.ask("hw"), /authentication for command failed to verify/);
    });

  it("carries connections, in one of several sessions", async () => {
    await using at = await world({}, { num: 5 });
    await waitFor("five sessions", async () => (at.dispatcher.devices.length === 5 ? true : undefined));
    await using client = await clientOf(at);
    await using echo = createServer((socket) => socket.pipe(socket)).listen(0, "127.0.0.1");
    await once(echo, "listening");
    const { port } = echo.address() as AddressInfo;
    const running = client.start("-inst", "5", `tcp/127.0.0.1:${port}`);
    // Where EVE's client listens: five ports a session from 9001 on.
    const answer = await waitFor("an answer", async () => await say(9021, "through both"));
    assert.equal(answer, "through both");
    running.kill("SIGINT");
    await once(running, "close");
  });
});

/** As the controller renders a node's remote access and the engine reads it. */
function renderedSpec({ port, certificate }: ControllerDoor): EdgeviewSpec {
  const remoteAccess = {
    ...{ dispatcher: `127.0.0.1:${port}/edge-view`, dispatcherCertificates: [certificate] },
    ...{ expires: new Date(Date.now() + 600_000).toISOString(), allow: ["Device"], generation: 3 },
  };
  const { privateKey, publicKey } = controller;
  const tokens: TokenMaker = {
    key: (text) => createHmac("sha256", "secret").update(text).digest("hex"),
    sign: (bytes) => sign("sha256", bytes, { key: privateKey, dsaEncoding: "ieee-p1363" }),
    hasSigned: (bytes, made) => verify("sha256", bytes, { key: publicKey, dsaEncoding: "ieee-p1363" }, made),
  };
  const edgeNode = { spec: { remoteAccess } } as unknown as EdgeNode;
  const edgeview = edgeviewOf(node as Parameters<typeof edgeviewOf>[0], edgeNode, tokens, undefined);
  const spec = translateEdgeview({ edgeview } as config.EdgeDevConfig).edgeview;
  assert.ok(spec !== undefined);
  return spec;
}

/** Undefined: nobody listens there yet. */
async function say(port: number, text: string): Promise<string | undefined> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    socket.write(text);
    const [bytes] = (await once(socket, "data")) as [Buffer];
    return bytes.toString();
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}
