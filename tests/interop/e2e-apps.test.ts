/**
 * Kubernetes' own specs that run containers, its e2e.test, against real apps: a controller and a node as `up` starts
 * them, each Pod in its virtual machine. SELVEDGE_E2E names the program, which `e2e/build.sh` builds, and
 * SELVEDGE_E2E_IMAGES a folder of what its Pods run, which `e2e/images.sh` packs.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { accessOf } from "@selvedge/client";
import { parse } from "yaml";
import { KubeConnection } from "../../packages/cli/src/kube.ts";
import { LocalSystem, realNodesMissing } from "../../packages/harness/src/real/local-system.ts";
import { kubectl } from "../kubectl.ts";
import { Neighbours } from "./e2e/neighbours.ts";

const { SELVEDGE_E2E: program, SELVEDGE_E2E_IMAGES: images } = process.env;
const skip =
  program === undefined || images === undefined
    ? "SELVEDGE_E2E or SELVEDGE_E2E_IMAGES is not set: tests/interop/e2e/build.sh and images.sh make what they name"
    : realNodesMissing();

/** One a line, as upstream calls them, without the labels behind. */
const appSpecs = readFileSync(join(import.meta.dirname, "e2e/app-specs.txt"), "utf8")
  .trim()
  .split("\n");
const labels = /( \[[^\]]*\])+$/;

/** Where upstream's images are looked for, by upstream's names of the registries. */
const registries = ["promoterE2eRegistry", "gcRegistry"];
const registry = "selvedge.internal/e2e";

interface Spec {
  readonly ContainerHierarchyTexts: readonly string[] | null;
  readonly LeafNodeText: string;
  readonly State: string;
  readonly Failure?: { readonly Message?: string };
}

describe("Kubernetes' own specs of what containers see", { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-e2e-apps-"));
  const outcomes = new Map<string, Spec>();

  before(async () => {
    await using system = await LocalSystem.up({ nodes: 1 });
    for (const file of readdirSync(images ?? "").filter((name) => name.endsWith(".tar"))) {
      const name = file.slice(0, -".tar".length).replace("_", ":");
      await system.push(join(images ?? "", file), `${registry}/${name}`);
    }
    const access = accessOf(parse(readFileSync(system.kubeconfig, "utf8")), system.kubeconfig);
    using connection = new KubeConnection(access);
    await using neighbours = new Neighbours(connection.objects);
    neighbours.start();
    for (const spec of await run(system.kubeconfig, folder)) {
      const name = [...(spec.ContainerHierarchyTexts ?? []), spec.LeafNodeText].join(" ").replace(labels, "");
      // Some have a namesake for another provider.
      if (spec.State !== "skipped" || !outcomes.has(name)) outcomes.set(name, spec);
    }
    assert.deepEqual(neighbours.faults, []);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const name of appSpecs) {
    it(name, () => {
      const spec = outcomes.get(name);
      assert.equal(spec?.State, "passed", spec?.Failure?.Message ?? "it was not run");
    });
  }
});

async function run(kubeconfig: string, folder: string): Promise<readonly Spec[]> {
  const [report, list] = [join(folder, "report.json"), join(folder, "registries.yaml")];
  writeFileSync(list, registries.map((name) => `${name}: ${registry}\n`).join(""));
  const focus = appSpecs.map((spec) => spec.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`)).join("|");
  const words = [
    ...["--provider=skeleton", `--kubeconfig=${kubeconfig}`, `--kubectl-path=${await kubectl("1.34")}`],
    // Ginkgo matches the suite's name as well; what follows the name of a spec are its labels.
    ...[
      `--ginkgo.focus=^Kubernetes e2e suite (${focus})( \\[|$)`,
      `--ginkgo.json-report=${report}`,
      "--ginkgo.timeout=240m",
    ],
    ...["--allowed-not-ready-nodes=-1", "--disable-log-dump", "--dump-logs-on-failure=false"],
  ];
  const child = spawn(program ?? "", words, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, KUBE_TEST_REPO_LIST: list },
  });
  child.stdout.pipe(createWriteStream(join(folder, "log")));
  await once(child, "close");
  const [suite] = JSON.parse(readFileSync(report, "utf8")) as readonly { SpecReports?: readonly Spec[] }[];
  return suite?.SpecReports ?? [];
}
