/** Files for an app that runs: from kubectl to inside the app and back, on the system that is there. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { waitFor } from "../../packages/harness/src/real/wait.ts";
import type { KubectlSession } from "./kubectl-session.ts";

export interface PatchPlace {
  readonly session: KubectlSession;
  /** Labels of an app that runs. */
  readonly labels: Readonly<Record<string, string>>;
  readonly pod: () => Promise<string>;
}

const service = "http://169.254.169.254/eve/v1/patch";
const key = (name: string, of: string): object => ({ name, key: of });

const items = (labels: object): object[] => [
  {
    ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "prices" } },
    data: { csv: "apple,1" },
  },
  { apiVersion: "v1", kind: "Secret", metadata: { name: "till" }, stringData: { token: "correct horse" } },
  {
    ...{ apiVersion: "selvedge.dev/v1alpha1", kind: "PatchEnvelope", metadata: { name: "till" } },
    spec: {
      selector: { matchLabels: labels },
      files: [
        { name: "prices.csv", metadata: "of today", configMapKeyRef: key("prices", "csv") },
        { name: "token", secretKeyRef: key("till", "token") },
      ],
    },
  },
];

export function describePatches(place: () => PatchPlace): void {
  describe("a patch envelope", () => {
    it("brings files to an app that runs, follows what they are made of, and says who fetched them", async () => {
      const { session, labels, pod } = place();
      const scratch = await mkdtemp(join(tmpdir(), "selvedge-patch-"));
      const name = await pod();
      const ask = async (path: string): Promise<string> =>
        await session.ok("exec", name, "--", "wget", "-qO-", `${service}/${path}`);
      const said = async (path: string): Promise<string> =>
        await session.ok("get", "patchenvelope", "till", "-o", `jsonpath={${path}}`);
      try {
        const file = join(scratch, "applied.json");
        await writeFile(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: items(labels) }));
        // An idle node says its figures seldom.
        const often = { spec: { settings: { "timer.metric.interval": "5" } } };
        await session.ok("patch", "edgenode", "node-1", "--type=merge", "-p", JSON.stringify(often));
        await session.ok("apply", "-f", file);
        await session.ok("wait", "--for=condition=Ready", "patchenvelope/till", "--timeout=60s");
        const [told] = JSON.parse(await ask("description.json")) as [
          { PatchID: string; Version: string; BinaryBlobs: { fileName: string; artifactMetaData: string }[] },
        ];
        assert.deepEqual(
          [told.PatchID, told.Version],
          [await said(".metadata.uid"), await said(".status.version")],
        );
        assert.deepEqual(
          told.BinaryBlobs.map(({ fileName, artifactMetaData }) => [fileName, artifactMetaData]),
          [
            ["prices.csv", "of today"],
            ["token", ""],
          ],
        );
        const fetched = async (of: string): Promise<string> =>
          Buffer.from(await ask(`download/${told.PatchID}/${of}`), "base64").toString();
        assert.deepEqual([await fetched("prices.csv"), await fetched("token")], ["apple,1", "correct horse"]);
        await waitFor("who has fetched it", async () => (await said(".status.fetched")) === "1" || undefined);
        await session.ok("patch", "configmap", "prices", "-p", JSON.stringify({ data: { csv: "apple,2" } }));
        await waitFor("the new price", async () => (await fetched("prices.csv")) === "apple,2" || undefined);
        await session.ok("delete", "patchenvelope", "till");
        await waitFor("nothing to be left", async () => {
          const { code } = await session.run(
            "exec",
            name,
            "--",
            "wget",
            "-qO-",
            `${service}/description.json`,
          );
          return code !== 0 || undefined;
        });
      } finally {
        await session.run(
          "delete",
          "patchenvelope/till",
          "configmap/prices",
          "secret/till",
          "--ignore-not-found",
        );
        const seldom = { spec: { settings: { "timer.metric.interval": null } } };
        await session.run("patch", "edgenode", "node-1", "--type=merge", "-p", JSON.stringify(seldom));
        await rm(scratch, { recursive: true, force: true });
      }
    });
  });
}
