/**
 * Helm 3 and 4: another client with habits of its own, releases kept in Secrets it sends as protobuf among
 * them.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { helm, helmVersions } from "../../../tests/kubectl.ts";
import { ApiWorld, opensslMissing } from "./api-world.ts";
import { cronTabs } from "./crontab.ts";

const run = promisify(execFile);
/** A kind of the chart's own, whose definition Helm applies first and leaves. */
const tab = `
---
apiVersion: stable.example.com/v1
kind: CronTab
metadata: { name: {{ .Release.Name }} }
spec: { cronSpec: "* * * * *", image: "{{ .Values.word }}" }
`;
const chart = `
apiVersion: v1
kind: ConfigMap
metadata: { name: {{ .Release.Name }} }
data: { word: "{{ .Values.word }}" }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: {{ .Release.Name }} }
spec:
  replicas: 0
  selector: { matchLabels: { app: a } }
  template:
    metadata: { labels: { app: a } }
    spec: { containers: [{ name: a, image: "a:{{ .Values.word }}" }] }
`;

for (const version of helmVersions) {
  const binary = await helm(version);
  const skip = binary === undefined ? "no helm: npm cannot reach a registry" : opensslMissing();
  describe(`Helm ${version}`, { skip }, () => {
    it("installs, upgrades, rolls back and uninstalls", async () => {
      await using world = await new ApiWorld().start();
      mkdirSync(join(world.folder, "chart/templates"), { recursive: true });
      world.file("chart/Chart.yaml", "apiVersion: v2\nname: hello\nversion: 0.1.0\n");
      world.file("chart/values.yaml", 'word: "1"\n');
      world.file("chart/templates/all.yaml", chart + tab);
      mkdirSync(join(world.folder, "chart/crds"));
      world.file("chart/crds/crontabs.yaml", cronTabs());
      const access = { server: `https://127.0.0.1:${world.port}`, "insecure-skip-tls-verify": true };
      const config = world.file("kubeconfig", {
        ...{ apiVersion: "v1", kind: "Config", "current-context": "c" },
        clusters: [{ name: "c", cluster: access }],
        users: [{ name: "u", user: { token: "root" } }],
        contexts: [{ name: "c", context: { cluster: "c", user: "u", namespace: "default" } }],
      });
      const options = { env: { ...process.env, HOME: world.folder }, timeout: 60_000 };
      const say = async (...words: string[]): Promise<string> =>
        (await run(binary ?? "", ["--kubeconfig", config, ...words], options)).stdout;
      const folder = join(world.folder, "chart");
      const word = async (): Promise<unknown> =>
        (await world.send("/api/v1/namespaces/default/configmaps/hi")).json.data?.word;
      assert.match(await say("install", "hi", folder), /STATUS: deployed/);
      assert.match(await say("upgrade", "hi", folder, "--set-string", "word=2"), /REVISION: 2/);
      assert.equal(await word(), "2");
      const tabs = "/apis/stable.example.com/v1/namespaces/default/crontabs/hi";
      assert.equal((await world.send(tabs)).json.spec.image, "2");
      assert.match(await say("rollback", "hi", "1"), /Rollback was a success/);
      assert.equal(await word(), "1");
      assert.match(await say("history", "hi"), /superseded/);
      await say("uninstall", "hi");
      assert.equal((await world.send("/api/v1/namespaces/default/configmaps/hi")).status, 404);
      assert.equal((await world.send(tabs)).status, 404);
    });
  });
}
