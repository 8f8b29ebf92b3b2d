import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import { checkRunConfig, type RunConfig } from "./image-config.ts";
import { folderEntries, type LayerEntry, textFile } from "./layer-source.ts";
import { OciLayout, writeImage } from "./oci-layout.ts";
import { registryTarget } from "./registry-target.ts";

const run: RunConfig = {
  entrypoint: ["/bin/app"],
  cmd: ["--port", "1"],
  env: ["A=b"],
  user: "1000:1000",
  workingDir: "/srv",
  labels: {},
  architecture: "amd64",
};
const never = new AbortController().signal;

async function scratch(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "selvedge-test-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

async function packFolder(root: string, output: string): Promise<string> {
  const source = { layers: [folderEntries(root)], run, name: "app:1" };
  return (await writeImage(output, source, never)).digest;
}

describe("writeImage", () => {
  it("gives the same digest for the same files, as a folder and as a tar", async () => {
    await using folder = await scratch();
    const root = join(folder.path, "root");
    await mkdir(join(root, "bin"), { recursive: true });
    await writeFile(join(root, "bin", "app"), "#!/bin/sh\n", { mode: 0o755 });
    await symlink("app", join(root, "bin", "link"));
    const first = await packFolder(root, join(folder.path, "one"));
    const second = await packFolder(root, join(folder.path, "two.tar"));
    assert.equal(first, second);
    await using layout = await OciLayout.open(join(folder.path, "two.tar"));
    const manifest = await layout.manifest("app:1");
    const document = JSON.parse(new TextDecoder().decode(await layout.read(manifest.digest)));
    const config = JSON.parse(new TextDecoder().decode(await layout.read(document.config.digest)));
    assert.deepEqual(config.config, {
      User: "1000:1000",
      Env: ["A=b"],
      Entrypoint: ["/bin/app"],
      Cmd: ["--port", "1"],
      WorkingDir: "/srv",
    });
    assert.equal(config.rootfs.diff_ids.length, document.layers.length);
  });

  it("says which names a layout holds when the one asked for is not among them", async () => {
    await using folder = await scratch();
    await mkdir(join(folder.path, "root"));
    await packFolder(join(folder.path, "root"), join(folder.path, "image"));
    await using layout = await OciLayout.open(join(folder.path, "image"));
    await assert.rejects(layout.manifest("other"), /app:1/);
  });

  it("leaves nothing behind when it is stopped", async () => {
    await using folder = await scratch();
    const stopped = AbortSignal.abort(new Error("stopped by signal"));
    const source = { layers: [folderEntries(folder.path)], run, name: "app:1" };
    await assert.rejects(writeImage(join(folder.path, "image"), source, stopped));
    const left: string[] = [];
    for await (const { path } of folderEntries(folder.path)) left.push(path);
    assert.deepEqual(left, []);
  });

  it("ends when it is stopped between two files", async () => {
    await using folder = await scratch();
    const stop = new AbortController();
    const source = { layers: [stopsHalfWay(stop)], run, name: "app:1" };
    await assert.rejects(writeImage(join(folder.path, "image"), source, stop.signal));
  });
});

async function* stopsHalfWay(stop: AbortController): AsyncGenerator<LayerEntry> {
  yield textFile("first", 0o644, "x");
  stop.abort(new Error("stopped by signal"));
  // The writing end fails here, while the filling end has not noticed yet.
  for (let turn = 0; turn < 100; turn++) await setImmediate();
  yield textFile("second", 0o644, "x".repeat(1 << 20));
  yield textFile("third", 0o644, "x");
}

describe("checkRunConfig", () => {
  for (const [what, change, message] of [
    ["a variable without a value", { env: ["A"] }, /--env/],
    ["a relative folder", { workingDir: "srv" }, /--workdir/],
    ["a user with a space", { user: "a b" }, /--user/],
    ["an unknown machine", { architecture: "riscv" }, /--arch/],
  ] as const) {
    it(`refuses ${what}`, () => assert.throws(() => checkRunConfig({ ...run, ...change }), message));
  }
});

describe("registryTarget", () => {
  const tls = { ca: "ca", cert: "cert", key: "key" };
  const controller = { server: new URL("https://127.0.0.1:6443"), tls };
  const options = { controller, caFile: undefined, plainHttp: false, credentials: undefined };
  for (const [reference, base, repository, tag] of [
    ["selvedge.internal/hello:1", "https://127.0.0.1:6443/v2/", "hello", "1"],
    ["nginx", "https://registry-1.docker.io/v2/", "library/nginx", "latest"],
    ["example.com:5000/a/b:2", "https://example.com:5000/v2/", "a/b", "2"],
  ] as const) {
    it(`sends ${reference} to ${base}`, () => {
      const target = registryTarget(reference, options);
      assert.deepEqual([target.base.href, target.repository, target.tag], [base, repository, tag]);
    });
  }

  it("keeps our client certificate from other registries", () => {
    assert.deepEqual(registryTarget("example.com/a:1", options).tls, {});
  });

  it("refuses a digest and a name that cannot be", () => {
    assert.throws(() => registryTarget(`a@sha256:${"0".repeat(64)}`, options), /tag/);
    assert.throws(() => registryTarget("UPPER:1", options), /lower-case/);
  });
});
