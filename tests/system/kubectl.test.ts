/**
 * Every group of commands of every kubectl that is still about, and Helm with a chart as they are in the wild,
 * against one system on real parts. Each has a namespace of its own.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { LocalSystem, realNodesMissing } from "../../packages/harness/src/real/local-system.ts";
import { type KubectlVersion, kubectl, kubectlMissing, kubectlVersions } from "../kubectl.ts";
import { describeHelm } from "./helm-matrix.ts";
import { governingGroups } from "./kubectl-groups/governing.ts";
import { deployment, type Place } from "./kubectl-groups/group.ts";
import { makingGroups } from "./kubectl-groups/making.ts";
import { readingGroups } from "./kubectl-groups/reading.ts";
import { runningGroups } from "./kubectl-groups/running.ts";
import { writingGroups } from "./kubectl-groups/writing.ts";
import { KubectlSession } from "./kubectl-session.ts";

const groups = {
  ...readingGroups,
  ...writingGroups,
  ...makingGroups,
  ...runningGroups,
  ...governingGroups,
};
/** What these send has not changed between versions: the oldest, one between and the newest tell. */
const settled: ReadonlySet<string> = new Set([
  ...["create -f, replace, delete", "edit", "patch", "label, annotate", "config, kustomize", "create *"],
  ...["rollout, set, scale", "debug --copy-to", "certificate", "auth reconcile", "cordon, drain, taint"],
]);
const telling: readonly KubectlVersion[] = ["1.27", "1.31", "1.35"];
/** As many kubectls as keep two processors busy while others wait for machines. */
const atOnce = 3;
const missing = realNodesMissing();
const versions: { readonly version: KubectlVersion; readonly skip: string | false }[] = [];
for (const version of kubectlVersions)
  versions.push({ version, skip: missing || (await kubectlMissing(version)) });

describe("clients of the command line, on real parts", { skip: missing, concurrency: atOnce }, () => {
  let system: LocalSystem;
  let scratch: string;

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), "selvedge-kubectl-"));
    system = await LocalSystem.up({ nodes: 1 });
    // It brings the image along.
    await system.demo();
  });

  after(async () => {
    await system?.[Symbol.asyncDispose]();
    await rm(scratch, { recursive: true, force: true });
  });

  describeHelm(() => ({ system, scratch }));

  for (const { version, skip } of versions) {
    describe(`kubectl ${version}`, { skip, concurrency: 1 }, () => {
      let place: Place;

      before(async () => {
        place = await placeOf(version, system, join(scratch, version));
      });

      after(async () => {
        await place.kubectl.ok("delete", "namespace", place.namespace, "--timeout=120s");
      });

      for (const [name, group] of Object.entries(groups)) {
        if (telling.includes(version) || !settled.has(name)) it(name, () => group(place));
      }
    });
  }
});

/** One after another. */
let turn: Promise<unknown> = Promise.resolve();

function alone<T>(work: () => Promise<T>): Promise<T> {
  const next = turn.then(work, work);
  turn = next;
  return next;
}

async function placeOf(version: KubectlVersion, system: LocalSystem, folder: string): Promise<Place> {
  const namespace = `m-${version.replace(".", "-")}`;
  const kubectlOf = new KubectlSession((await kubectl(version)) ?? "", system, {
    namespace,
    env: { KUBE_EDITOR: "sed -i s/edit-me/edited/", HOME: folder },
  });
  const file = async (name: string, content: unknown): Promise<string> => {
    await mkdir(folder, { recursive: true });
    const path = join(folder, name);
    await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
    return path;
  };
  await kubectlOf.ok("create", "namespace", namespace);
  const hello = deployment("hello", { replicas: 1 }, { app: "hello", place: namespace });
  await kubectlOf.ok("apply", "-f", await file("hello.json", hello));
  await kubectlOf.ok("rollout", "status", "deploy/hello", "--timeout=120s");
  return { kubectl: kubectlOf, namespace, file, minor: Number(version.split(".")[1]), alone };
}
