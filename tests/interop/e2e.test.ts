/**
 * Kubernetes' own conformance tests, its e2e.test, against our controller: those specs that are about objects and
 * what controllers make of them, in e2e/object-specs.txt. SELVEDGE_E2E names the program, which
 * `tests/interop/e2e/build.sh FILE` builds. No container runs (e2e/stand-in-nodes.ts). Takes fifteen to twenty-five
 * minutes.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { after, before, describe, it } from "node:test";
import { accessOf } from "@selvedge/client";
import { parse } from "yaml";
import { KubeConnection } from "../../packages/cli/src/kube.ts";
import { ControllerProcess } from "../../packages/controller/test/controller-process.ts";
import { kubectl } from "../kubectl.ts";
import { StandInNodes } from "./e2e/stand-in-nodes.ts";

const program = process.env["SELVEDGE_E2E"];
const skip =
  program === undefined &&
  "SELVEDGE_E2E names no e2e.test of Kubernetes: tests/interop/e2e/build.sh builds one in twenty minutes";

/** Upstream's names, one a line. */
const specs = readFileSync(join(import.meta.dirname, "e2e/object-specs.txt"), "utf8")
  .trim()
  .split("\n");
/** Programs at once: most of a spec's time is waiting. */
const shards = 4;
/** An address that is nobody's: upstream asks for Endpoints of the API server, and loopback is none. */
const advertised = "192.0.2.254:6443";

/** What a spec came to, and what it said when it did not pass. */
interface Outcome {
  readonly state: string;
  readonly said: string;
}

describe("Kubernetes' own conformance tests", { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-e2e-"));
  const outcomes = new Map<string, Outcome>();

  before(async () => {
    await using controller = new ControllerProcess();
    await controller.start(["--advertise-kube", advertised]);
    const kubeconfig = join(folder, "kubeconfig");
    const text = readFileSync(controller.kubeconfig, "utf8");
    writeFileSync(kubeconfig, text.replace(advertised, `127.0.0.1:${controller.kubePort}`));
    using connection = new KubeConnection(accessOf(parse(readFileSync(kubeconfig, "utf8")), kubeconfig));
    await using nodes = new StandInNodes(connection.objects);
    await nodes.start();
    const alone = specs.filter((spec) => spec.includes("[Serial]"));
    const together = specs.filter((spec) => !alone.includes(spec));
    const runs = Array.from({ length: shards }, (_, shard) =>
      run(`shard-${shard}`, {
        kubeconfig,
        folder,
        specs: together.filter((_spec, at) => at % shards === shard),
      }),
    );
    for (const ran of await Promise.all(runs)) for (const [spec, outcome] of ran) outcomes.set(spec, outcome);
    const last = await run("alone", { kubeconfig, folder, specs: alone });
    for (const [spec, outcome] of last) outcomes.set(spec, outcome);
    assert.deepEqual(nodes.faults, []);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const spec of specs) {
    it(spec, () => {
      const { state, said } = outcomes.get(spec) ?? { state: "not there", said: "" };
      assert.equal(state, "passed", said);
    });
  }
});

interface Run {
  readonly kubeconfig: string;
  readonly folder: string;
  readonly specs: readonly string[];
}

/** Runs specs one after another, and reads the report. */
async function run(name: string, { kubeconfig, folder, specs: asked }: Run): Promise<Map<string, Outcome>> {
  // Nothing to look for would mean all there are.
  if (asked.length === 0) return new Map();
  const report = join(folder, `${name}.json`);
  const log = createWriteStream(join(folder, `${name}.log`));
  const focus = asked.map((spec) => spec.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`)).join("|");
  const words = [
    ...["--provider=local", `--kubeconfig=${kubeconfig}`, `--kubectl-path=${await kubectl("1.34")}`],
    ...[`--ginkgo.focus=${focus}`, `--ginkgo.json-report=${report}`, "--ginkgo.timeout=40m"],
    ...["--allowed-not-ready-nodes=-1", "--disable-log-dump", "--dump-logs-on-failure=false"],
  ];
  const child = spawn(program ?? "", words, { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  await once(child, "close");
  log.end();
  await finished(log);
  const [suite] = JSON.parse(readFileSync(report, "utf8")) as readonly Suite[];
  return new Map(
    (suite?.SpecReports ?? [])
      .filter(({ State }) => State !== "skipped")
      .map(({ ContainerHierarchyTexts, LeafNodeText, State, Failure }) => {
        const spec = [...(ContainerHierarchyTexts ?? []), LeafNodeText].join(" ");
        return [spec, { state: State, said: Failure?.Message ?? "" }];
      }),
  );
}

/** What of ginkgo's report is read. */
interface Suite {
  readonly SpecReports?: readonly {
    readonly ContainerHierarchyTexts: readonly string[] | null;
    readonly LeafNodeText: string;
    readonly State: string;
    readonly Failure?: { readonly Message?: string };
  }[];
}
