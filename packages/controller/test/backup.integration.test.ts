/** A controller that is copied while it works, and what is made of the copy, on either database. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import type { KubeObject } from "@selvedge/apimachinery";
import { isReason } from "@selvedge/client";
import { type ConfigMap, configMapKind, type Secret, secretKind } from "@selvedge/kinds";
import { KubeClient } from "../../harness/src/real/kube-client.ts";
import { PostgresServer, postgresMissing } from "../../harness/src/real/postgres-server.ts";
import { ControllerProcess } from "./controller-process.ts";
import { ReplicaProcess } from "./replica-world.ts";

const main = join(import.meta.dirname, "../src/main.ts");
const scratch = mkdtempSync(join(tmpdir(), "selvedge-backup-"));
const keys = join(scratch, "keys");
const newKey = (name: string): string => `${name} ${randomBytes(32).toString("base64")}\n`;
const old = newKey("2025");
const sealing = ["--encryption-keys", keys];
const archive = join(scratch, "backup.gz");
const canary = "canary-7bc1";

async function run(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...args]);
  return stdout;
}

const meta = (name: string): KubeObject["metadata"] => ({ name, namespace: "default" });
const configMap = (name: string, text: string): ConfigMap => ({
  ...{ apiVersion: "v1", kind: "ConfigMap", metadata: meta(name), data: { text } },
});
const secret = (name: string): Secret => ({
  ...{ apiVersion: "v1", kind: "Secret", metadata: meta(name) },
  data: { text: Buffer.from(canary).toString("base64") },
});

/** Every file of the folder that holds the text, in the clear or in base64. */
function findings(folder: string, text: string): string[] {
  const forms = [text, Buffer.from(text).toString("base64")];
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => {
    const path = join(folder, name);
    if (!statSync(path).isFile()) return false;
    const bytes = readFileSync(path);
    return forms.some((form) => bytes.includes(form));
  });
}

describe("a controller's secrets and its copies", { timeout: 120_000 }, () => {
  const stack = new AsyncDisposableStack();
  const first = stack.use(new ControllerProcess());
  let backedUp = new Map<string, string>();
  let past = "";
  after(async () => {
    await stack.disposeAsync();
    rmSync(scratch, { recursive: true, force: true });
  });

  it("lie sealed on the disk, those from before too, once there is a key", async () => {
    await first.start();
    {
      using client = await KubeClient.open(first.kubeconfig);
      await client.create(secretKind, secret("before"));
    }
    await first.stop();
    assert.notDeepEqual(findings(first.folder, canary), []);
    writeFileSync(keys, old);
    await first.start(sealing);
    using client = await KubeClient.open(first.kubeconfig);
    await client.create(secretKind, secret("after"));
    assert.equal((await client.get<Secret>(secretKind, "before", "default")).data?.["text"], btoa(canary));
    await first.stop();
    assert.deepEqual(findings(first.folder, canary), []);
  });

  it("cannot be read without the key, and the controller says which is missing", async () => {
    await assert.rejects(first.start(), /--encryption-keys: secrets are sealed with key 2025/);
  });

  it("are sealed with another key after a rotation, and watched as ever", async () => {
    writeFileSync(keys, newKey("2026") + old);
    await first.start(sealing);
    using client = await KubeClient.open(first.kubeconfig);
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const { object } of client.watch<Secret>(secretKind, {
      namespace: "default",
      signal: stop.signal,
    })) {
      seen.push(`${object.metadata.name} ${object.data?.["text"]}`);
      if (seen.length === 2) break;
    }
    assert.deepEqual(
      seen.sort(),
      ["after", "before"].map((name) => `${name} ${btoa(canary)}`),
    );
    await first.stop();
    writeFileSync(keys, readFileSync(keys, "utf8").replace(old, ""));
    await first.start(sealing);
  });

  it("are copied while they are written to", async () => {
    using client = await KubeClient.open(first.kubeconfig);
    for (let n = 0; n < 40; n++) await client.create(configMapKind, configMap(`one-${n}`, "before"));
    let writes = true;
    const writing = (async () => {
      for (let n = 0; writes; n++) await client.create(configMapKind, configMap(`while-${n}`, "while"));
    })();
    const said = await run("backup", "--data", first.folder, "--output", archive);
    writes = false;
    await writing;
    past = /at revision (\d+)/.exec(said)?.[1] ?? "";
    assert.equal(statSync(archive).mode & 0o777, 0o600);
    assert.ok(!gunzipSync(readFileSync(archive)).includes(btoa(canary)));
    backedUp = await contents(client, Number(past));
    assert.ok(backedUp.size >= 40);
    // The future that the copy does not know.
    await client.create(configMapKind, configMap("lost", "later"));
  });

  it("come back in an empty folder, and revisions only go on", async () => {
    await using second = new ControllerProcess();
    await run("restore", "--data", second.folder, ...sealing, "--input", archive);
    await second.start(sealing);
    await compare(second.kubeconfig);
    assert.equal(second.rootCertificate, first.rootCertificate, "nodes trust it as before");
  });

  it("come back in PostgreSQL", { skip: postgresMissing() ?? false }, async () => {
    await using server = await PostgresServer.start();
    const url = await server.database("restored");
    const database = join(scratch, "url");
    writeFileSync(database, url);
    const place = mkdtempSync(join(scratch, "data-"));
    const where = ["--data", place, "--database", database];
    await run("restore", ...where, ...sealing, "--input", archive);
    await using replica = new ReplicaProcess(url, { more: sealing });
    await replica.start();
    await compare(replica.kubeconfig);
    assert.equal(replica.rootCertificate, first.rootCertificate);
    await assert.rejects(run("restore", ...where, "--input", archive), /a controller runs on this database/);
  });

  it("are not taken from half a file", async () => {
    const half = join(scratch, "half.gz");
    writeFileSync(half, readFileSync(archive).subarray(0, 5_000));
    const folder = mkdtempSync(join(scratch, "data-"));
    await assert.rejects(run("restore", "--data", folder, "--input", half), /cannot be read as a backup/);
    await assert.rejects(
      run("restore", "--data", first.folder, "--input", archive),
      /another controller is running/,
    );
  });

  async function compare(kubeconfig: string): Promise<void> {
    using client = await KubeClient.open(kubeconfig);
    const restored = await contents(client);
    assert.deepEqual([...restored.keys()].sort(), [...backedUp.keys()].sort());
    for (const [name, text] of backedUp) assert.equal(restored.get(name), text, name);
    assert.equal((await client.get<Secret>(secretKind, "before", "default")).data?.["text"], btoa(canary));
    // Whoever knew the past begins anew.
    const { metadata } = await client.list(configMapKind, { limit: 1 });
    assert.ok(Number(metadata.resourceVersion) > Number(past) + 1_000_000);
    const signal = AbortSignal.timeout(10_000);
    const options = { namespace: "default", resourceVersion: past, signal };
    await assert.rejects(
      async () => {
        for await (const { type, object } of client.watch(configMapKind, options)) {
          if (type === "ERROR")
            throw Object.assign(new Error("gone"), { reason: (object as { reason?: string }).reason });
        }
      },
      (error) => isReason(error, "Expired") || (error as { reason?: string }).reason === "Expired",
    );
  }
});

/** The ConfigMaps of the namespace, whole; nobody changes them, so those until then are what there was then. */
async function contents(client: KubeClient, until = Number.MAX_SAFE_INTEGER): Promise<Map<string, string>> {
  const { items } = await client.list<ConfigMap>(configMapKind, { namespace: "default" });
  const kept = items.filter(({ metadata }) => Number(metadata.resourceVersion) <= until);
  return new Map(kept.map((item) => [item.metadata.name, JSON.stringify(item)]));
}
