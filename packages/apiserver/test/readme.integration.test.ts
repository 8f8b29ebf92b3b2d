/** The README's example is the file beside it, and works as it says. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const example = join(import.meta.dirname, "../examples/gadgets.ts");
const readme = readFileSync(join(import.meta.dirname, "../README.md"), "utf8");

function missing(): string | false {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return false;
  } catch {
    return "openssl is not installed";
  }
}

test("a server in a few lines", { skip: missing(), timeout: 60_000 }, async () => {
  const program = readFileSync(example, "utf8");
  assert.ok(readme.includes(program), "README.md shows examples/gadgets.ts");
  assert.ok(program.trimEnd().split("\n").length <= 20, "a few are twenty");
  const folder = mkdtempSync(join(tmpdir(), "selvedge-example-"));
  const making = /openssl (req [\s\S]*?cert\.pem)/.exec(readme)?.[1]?.replaceAll("\\\n", " ") ?? "";
  execFileSync("openssl", making.split(/\s+/), { cwd: folder, stdio: "ignore" });
  const child = spawn(process.execPath, [example, folder, "0"], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const url = await new Promise<string>((resolve) =>
      child.stdout.once("data", (said) => resolve(String(said).trim())),
    );
    const ca = readFileSync(join(folder, "cert.pem"));
    const ask = (method: string, path: string, body?: unknown): Promise<string> =>
      new Promise((resolve, reject) => {
        const headers = { authorization: "Bearer secret", "content-type": "application/json" };
        const asked = request(`${url}${path}`, { method, ca, headers }, async (answer) => {
          resolve(Buffer.concat(await answer.toArray()).toString());
        });
        asked.on("error", reject).end(body === undefined ? undefined : JSON.stringify(body));
      });
    await ask("POST", "/apis/example.dev/v1/gadgets", { metadata: { name: "a" }, spec: { size: 3 } });
    assert.match(await ask("GET", "/apis/example.dev/v1/gadgets"), /"name":"a".*"spec":\{"size":3\}/);
    assert.match(await ask("GET", "/apis/example.dev/v1"), /"kind":"Gadget"/);
  } finally {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
});
