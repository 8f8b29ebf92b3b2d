/**
 * Every group of commands of every kubectl that is still about, against one system on real parts. Each kubectl
 * has a namespace of its own.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { LocalSystem, realNodesMissing } from "../../packages/harness/src/real/local-system.ts";
import { type KubectlVersion, kubectl, kubectlMissing, kubectlVersions } from "../kubectl.ts";
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
const missing = realNodesMissing();
const versions: { readonly version: KubectlVersion; readonly skip: string | false }[] = [];
for (const version of kubectlVersions)
  versions.push({ version, skip: missing || (await kubectlMissing(version)) });

describe("every kubectl, on real parts", { skip: missing }, () => {
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

  for (const { version, skip } of versions) {
    describe(`kubectl ${version}`, { skip }, () => {
      let place: Place;

      before(async () => {
        place = await placeOf(version, system, join(scratch, version));
      });

      after(async () => {
        await place.kubectl.ok("delete", "namespace", place.namespace, "--timeout=120s");
      });

      for (const [name, group] of Object.entries(groups)) it(name, () => group(place));
    });
  }
});

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
  await kubectlOf.ok("apply", "-f", await file("hello.json", deployment("hello", { replicas: 1 })));
  await kubectlOf.ok("rollout", "status", "deploy/hello", "--timeout=120s");
  return { kubectl: kubectlOf, namespace, file, minor: Number(version.split(".")[1]) };
}
