import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import type { KindDefinition } from "@selvedge/apimachinery";
import { Log, SeededRandom, SystemClock, silentSink } from "@selvedge/base";
import { ApiServer, ObjectRegistry, SqliteStore } from "../src/index.ts";

const gadget: KindDefinition = {
  group: "lab.example",
  version: "v1",
  kind: "Gadget",
  plural: "gadgets",
  singular: "gadget",
  namespaced: true,
  custom: true,
  columns: [],
  schema: {
    type: "object",
    properties: { spec: { type: "object", properties: { size: { type: "integer" } } } },
  },
};

const run = promisify(execFile);

function missing(): string | false {
  try {
    execFileSync("kubectl", ["version", "--client"], { stdio: "ignore" });
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return false;
  } catch {
    return "kubectl and openssl are needed";
  }
}

test("kubectl applies, reads, changes and deletes", { skip: missing() }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-apiserver-"));
  const key = join(folder, "key.pem");
  const cert = join(folder, "cert.pem");
  const request =
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=server -days 2".split(" ");
  execFileSync("openssl", [...request, "-keyout", key, "-out", cert], { stdio: "ignore" });
  const clock = new SystemClock();
  const store = new SqliteStore(join(folder, "store.db"));
  const server = new ApiServer({
    objects: new ObjectRegistry([gadget], store, clock, new SeededRandom(1)),
    clock,
    log: new Log("test", clock, silentSink),
    tls: { key: readFileSync(key), cert: readFileSync(cert) },
    tokens: new Map([
      [createHash("sha256").update("letmein").digest("hex"), { name: "root", groups: ["system:masters"] }],
    ]),
  });
  const port = await server.listen(0, "127.0.0.1");
  const kubectl = async (...words: string[]): Promise<string> => {
    const access = [
      "--kubeconfig=/dev/null",
      `--server=https://127.0.0.1:${port}`,
      "--insecure-skip-tls-verify",
    ];
    const options = { env: { ...process.env, HOME: folder }, timeout: 30_000 };
    return (await run("kubectl", [...access, "--token=letmein", `--cache-dir=${folder}`, ...words], options))
      .stdout;
  };
  try {
    const file = join(folder, "gadget.json");
    const write = (size: number): void =>
      writeFileSync(
        file,
        JSON.stringify({
          apiVersion: "lab.example/v1",
          kind: "Gadget",
          metadata: { name: "one", namespace: "default" },
          spec: { size },
        }),
      );
    write(1);
    assert.match(await kubectl("apply", "-f", file), /gadget.lab.example\/one created/);
    assert.match(await kubectl("apply", "-f", file), /unchanged/);
    write(2);
    assert.match(await kubectl("apply", "-f", file), /configured/);
    assert.match(await kubectl("get", "gadgets"), /one/);
    assert.equal(await kubectl("get", "gadget", "one", "-o", "jsonpath={.spec.size}"), "2");
    assert.match(await kubectl("label", "gadget", "one", "a=b"), /labeled/);
    assert.match(await kubectl("delete", "gadget", "one"), /deleted/);
    await assert.rejects(kubectl("get", "gadget", "one"), /gadgets.lab.example "one" not found/);
  } finally {
    await server.close();
    store.close();
    rmSync(folder, { recursive: true });
  }
});
