/** Helm 3 and 4 with a chart as they are in the wild, on real parts: its hooks and its test run in machines. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { type LocalSystem, type Ran, run } from "../../packages/harness/src/real/local-system.ts";
import { type HelmVersion, helm, helmVersions, kubectl } from "../kubectl.ts";
import { type HookName, writeChart } from "./helm-chart.ts";
import { KubectlSession } from "./kubectl-session.ts";

/** Each start of a machine takes seconds: one version runs a program at every point, the others at one. */
const programs: Readonly<Record<HelmVersion, readonly HookName[]>> = {
  "3.11": ["before"],
  "3.17": ["before", "after", "migrate", "farewell"],
  "4.1": ["before"],
};
const versions: { readonly version: HelmVersion; readonly skip: string | false }[] = [];
for (const version of helmVersions) {
  const binary = await helm(version);
  versions.push({ version, skip: binary === undefined && `no helm ${version}: npm cannot reach a registry` });
}

interface Place {
  readonly kubectl: KubectlSession;
  readonly chart: string;
  readonly group: string;
  readonly helm: (...words: readonly string[]) => Promise<Ran>;
  /** What it says; it must succeed. */
  readonly ok: (...words: readonly string[]) => Promise<string>;
}

/** One after another in each version; versions side by side, as the one who asks has it. */
export function describeHelm(parts: () => { readonly system: LocalSystem; readonly scratch: string }): void {
  for (const { version, skip } of versions) {
    describe(`Helm ${version}`, { skip, concurrency: 1 }, () => {
      let place: Place;

      before(async () => {
        const { system, scratch } = parts();
        place = await placeOf(version, system, join(scratch, `helm-${version}`));
      });

      it("installs: kinds first, then hooks by weight, then waits for what runs", () => installs(place));
      it("says what it installed", () => says(place, version));
      it("tests, and shows what the test wrote", async () => {
        assert.match(await place.ok("test", "hi", "--logs", "--timeout=120s"), /it answers one/);
      });
      it("upgrades, with what must be done before", () => upgrades(place, version));
      it("leaves a release that fails, or goes back", () => fails(place, version));
      it("rolls back", () => rollsBack(place));
      it("uninstalls, and leaves the kind", () => uninstalls(place, version));
    });
  }
}

async function installs({ ok, kubectl: session, chart, group }: Place): Promise<void> {
  assert.match(await ok("install", "hi", chart, "--wait", "--timeout=180s"), /STATUS: deployed/);
  // The chart of the definition came before the object, whose default the server set.
  const till = ["get", `tills.${group}`, "hi", "-o", "jsonpath={.spec}"];
  assert.deepEqual(JSON.parse(await session.ok(...till)), { word: "one", drawers: 2 });
  const available = "jsonpath={.status.availableReplicas}";
  assert.equal(await session.ok("get", "deploy", "hi", "-o", available), "1");
  // It ran after what weighs less, whose word it says.
  assert.match(await session.ok("logs", "job/hi-before"), /^before of one$/m);
  assert.match(await session.refused("get", "job,cm", "hi-after"), /NotFound/);
}

async function says({ ok, helm: say, chart, group }: Place, version: HelmVersion): Promise<void> {
  assert.match(await ok("list"), /^hi\s.*\sdeployed\s+shop-0\.1\.0\s+one/m);
  assert.match(await ok("status", "hi"), /hi says one\./);
  assert.match(await ok("get", "all", "hi"), /HOOKS:[\s\S]*helm\.sh\/hook-weight: "-5"/);
  assert.match(await ok("get", "manifest", "hi"), /kind: Till/);
  assert.match(await ok("get", "hooks", "hi"), /helm\.sh\/hook: test/);
  assert.match(await ok("get", "notes", "hi"), /hi says one\./);
  assert.match(await ok("get", "values", "hi", "--all"), /^word: one$/m);
  // What is looked up in the cluster, and checked by the server without a trace.
  const checked = version === "4.1" ? "--dry-run=server" : "--validate";
  assert.match(await ok("template", "more", chart, checked), /kind: Till/);
  if (version !== "3.11") {
    const dry = ["upgrade", "hi", chart, "--dry-run=server", "--set", "word=dry"];
    assert.match(await ok(...dry), /word: "dry"/);
    assert.doesNotMatch(await ok("history", "hi"), /^2\s/m);
  }
  const long = `word=${"x".repeat(30)}`;
  const { code, stdout, stderr } = await say("install", "long", chart, "--set", long, "--no-hooks");
  assert.equal(code, 1, stdout);
  assert.match(stderr, /spec\.word: Too long: may not be more than 20 (bytes|characters)/, group);
  await ok("uninstall", "long", "--no-hooks");
}

async function upgrades({ ok, kubectl: session, chart }: Place, version: HelmVersion): Promise<void> {
  const words = ["upgrade", "--install", "hi", chart, "--set", "word=two", "--wait", "--timeout=180s"];
  assert.match(await ok(...words), /REVISION: 2/);
  const word = ["get", "cm", "hi", "hi-settings", "-o", "jsonpath={.items[*].data.word}"];
  assert.equal(await session.ok(...word), "two two");
  if (programs[version].includes("migrate"))
    assert.match(await session.ok("logs", "job/hi-migrate"), /^migrate of two$/m);
  else await session.ok("get", "cm", "hi-migrate");
  assert.deepEqual(await inTurn(session, "two", "hi", "hi-migrated"), ["hi", "hi-migrated"]);
  const fresh = ["upgrade", "--install", "fresh", chart, "--no-hooks"];
  assert.match(await ok(...fresh), /Release "fresh" does not exist\. Installing it now\.[\s\S]*REVISION: 1/);
  await ok("uninstall", "fresh", "--no-hooks");
}

async function fails(place: Place, version: HelmVersion): Promise<void> {
  const { ok, helm: say, kubectl: session, chart } = place;
  if (programs[version].includes("migrate")) {
    const { code, stderr } = await say("upgrade", "hi", chart, "--set", "exitCode=3,word=no");
    assert.equal(code, 1);
    assert.match(stderr, /pre-upgrade hooks failed: [\s\S]*BackoffLimitExceeded/);
    assert.match(await ok("history", "hi"), /^3\s.*\sfailed\s/m);
    assert.equal(await session.ok("get", "cm", "hi", "-o", "jsonpath={.data.word}"), "two");
    assert.match(await session.refused("get", "job", "hi-migrate"), /NotFound/);
  }
  const atomic = version === "4.1" ? "--rollback-on-failure" : "--atomic";
  const nowhere = "word=three,image=selvedge.internal/nowhere:1";
  const { code, stdout, stderr } = await say(
    ...["upgrade", "hi", chart, atomic, "--no-hooks", "--set", nowhere, "--timeout=4s"],
  );
  assert.equal(code, 1, stdout);
  assert.match(stderr, /has been rolled back|was rolled back/i);
  assert.equal(await session.ok("get", "cm", "hi", "-o", "jsonpath={.data.word}"), "two");
}

async function rollsBack({ ok, kubectl: session }: Place): Promise<void> {
  assert.match(await ok("rollback", "hi", "1", "--wait", "--timeout=120s"), /Rollback was a success/);
  const turns = ["hi-return", "hi", "hi-returned"];
  assert.deepEqual(await inTurn(session, "one", "hi", "hi-returned", "hi-return"), turns);
  assert.match(await ok("history", "hi"), /deployed\s.*Rollback to 1/);
}

async function uninstalls(place: Place, version: HelmVersion): Promise<void> {
  const { ok, kubectl: session, group } = place;
  assert.match(await ok("uninstall", "hi", "--wait", "--timeout=120s"), /release "hi" uninstalled/);
  // The word of the upgrade that failed: a roll-back has no settings of its own to leave.
  if (programs[version].includes("farewell"))
    assert.match(await session.ok("logs", "job/hi-farewell"), /^farewell of no$/m);
  else assert.deepEqual(await inTurn(session, "one", "hi-gone", "hi-farewell"), ["hi-farewell", "hi-gone"]);
  await session.ok("get", "cm", "hi-gone");
  assert.match(await session.refused("get", "cm,svc,deploy", "hi"), /NotFound/);
  assert.equal(await session.ok("get", `tills.${group}`, "-A", "-o", "name"), "");
  await session.ok("get", "crd", `tills.${group}`);
  await session.ok("delete", "crd", `tills.${group}`);
}

/** The names of ConfigMaps in the turn in which they were last written, all of them with this word. */
async function inTurn(session: KubectlSession, word: string, ...names: readonly string[]): Promise<string[]> {
  const { items } = JSON.parse(await session.ok("get", "cm", ...names, "-o", "json")) as {
    items: { metadata: { name: string; resourceVersion: string }; data: { word: string } }[];
  };
  for (const { metadata, data } of items) assert.equal(data.word, word, metadata.name);
  const written = items.map(({ metadata }) => metadata);
  written.sort((one, other) => Number(one.resourceVersion) - Number(other.resourceVersion));
  return written.map(({ name }) => name);
}

async function placeOf(version: HelmVersion, system: LocalSystem, folder: string): Promise<Place> {
  const name = `helm-${version.replace(".", "-")}`;
  const group = `${name}.example.com`;
  const chart = await writeChart(join(folder, "chart"), { group, programs: programs[version] });
  const binary = (await helm(version)) ?? "";
  const session = new KubectlSession((await kubectl()) ?? "", system, { namespace: name });
  await session.ok("create", "namespace", name);
  const access = ["--kubeconfig", system.kubeconfig, "--namespace", name];
  const helmOf = (...words: readonly string[]): Promise<Ran> =>
    run(binary, [...words, ...access], { HOME: folder });
  const ok = async (...words: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await helmOf(...words);
    assert.equal(code, 0, `helm ${words.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
    return stdout;
  };
  return { kubectl: session, chart, group, helm: helmOf, ok };
}
