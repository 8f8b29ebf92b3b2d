/**
 * Kubernetes' own command tests, the shell scripts with which upstream drives kubectl, against our controller. They
 * come from its Go module; nodes are not needed.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ControllerProcess } from "../../packages/controller/test/controller-process.ts";
import { kubectl, kubectlMissing } from "../kubectl.ts";
import { fetchGoModule } from "./go-program.ts";

const source = fetchGoModule("k8s.io/kubernetes@v1.34.1");
const skip = typeof source === "string" ? source : await kubectlMissing("1.34");
/** A suite takes some seconds, and waits for nothing longer than upstream's own limits. */
const suiteTimeout = 240_000;

/**
 * Those that pass. Others need what is not here: the network (multi_resources), kubectl-convert, an authorizer that
 * allows everything (authorization, impersonation), a HorizontalPodAutoscaler, which is refused on purpose
 * (deployment, rc, rs, save_config, recursive_resources, kubectl_get), Service addresses of 10.0.0.0/24
 * (kubectl_apply), a namespace with no Services or a cluster with no StorageClass, upstream's own certificates
 * (exec_credentials).
 */
const suites: readonly string[] = [
  "RESTMapper_evaluation_tests",
  "ambiguous_shortname_tests",
  "assert_categories_tests",
  "assert_short_name_tests",
  "assert_singular_name_tests",
  "certificates_tests",
  "clusterroles_tests",
  "configmap_tests",
  "crd_deletion_recreation_tests",
  "crd_tests",
  "create_job_tests",
  "create_secret_tests",
  "daemonset_history_tests",
  "daemonset_tests",
  "deprecated_api_tests",
  "explain_crd_with_additional_properties_tests",
  "job_tests",
  "kubectl_apply_deployments_tests",
  "kubectl_auth_whoami_tests",
  "kubectl_create_filter_tests",
  "kubectl_create_validate_tests",
  "kubectl_debug_baseline_tests",
  "kubectl_debug_general_tests",
  "kubectl_debug_netadmin_tests",
  "kubectl_debug_pod_tests",
  "kubectl_debug_restricted_tests",
  "kubectl_delete_allnamespaces_tests",
  "kubectl_diff_tests",
  "kubectl_diff_same_names",
  "kubectl_exec_pod_tests",
  "kubectl_explain_tests",
  "kubectl_request_timeout_tests",
  "kubectl_results_tests",
  "kubectl_run_tests",
  "kubectl_server_side_apply_tests",
  "lists_tests",
  "namespace_tests",
  "persistent_volume_claims_tests",
  "persistent_volumes_tests",
  "pod_templates_tests",
  "pod_tests",
  "resource_aliasing_tests",
  "role_tests",
  "secrets_test",
  "service_accounts_tests",
  "stateful_set_tests",
  "statefulset_history_tests",
  "swagger_tests",
  "template_output_tests",
  "wait_tests",
];

/** Upstream's tests start with this object, which no kubelet reports. */
const node = {
  ...{ apiVersion: "v1", kind: "Node", status: { capacity: { memory: "1Gi" } } },
  metadata: { name: "127.0.0.1", annotations: { "save-managers": "true" } },
};

describe("Kubernetes' own command tests", { skip }, () => {
  const controller = new ControllerProcess();
  const folder = mkdtempSync(join(tmpdir(), "selvedge-command-tests-"));
  const copy = join(folder, "kubernetes");
  const bin = join(folder, "bin");

  before(async () => {
    assert.ok(typeof source === "object");
    for (const part of [
      "hack",
      "test/cmd",
      "test/fixtures",
      "test/e2e/testing-manifests",
      "third_party/forked",
    ]) {
      cpSync(join(source.folder, part), join(copy, part), { recursive: true });
    }
    mkdirSync(bin);
    symlinkSync((await kubectl("1.34")) ?? "", join(bin, "kubectl"));
    const digest = createHash("sha256").update("admin-token").digest("hex");
    const tokens = join(folder, "tokens.csv");
    writeFileSync(tokens, `${digest},admin,admin,"system:masters"\n`);
    await controller.start(["--token-auth-file", tokens]);
    const made = await run(
      join(bin, "kubectl"),
      ["--kubeconfig", controller.kubeconfig, "create", "-f", "-"],
      {},
      JSON.stringify(node),
    );
    assert.equal(made.code, 0, made.said);
  });
  after(async () => {
    await controller[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const suite of suites) {
    it(suite, async () => {
      const temporary = mkdtempSync(join(folder, "suite-"));
      const { code, said } = await run(join(import.meta.dirname, "command-tests/run.sh"), [copy, suite], {
        ...{ SECURE_API_PORT: String(controller.kubePort), THIS_PLATFORM_BIN: bin, KUBE_TEMP: temporary },
      });
      assert.equal(code, 0, said.slice(-4_000));
    });
  }
});

interface Ran {
  readonly code: number;
  readonly said: string;
}

function run(
  program: string,
  words: readonly string[],
  env: Readonly<Record<string, string>>,
  input = "",
): Promise<Ran> {
  const { promise, resolve } = Promise.withResolvers<Ran>();
  const options = { env: { ...process.env, ...env }, timeout: suiteTimeout, maxBuffer: 64 * 1024 * 1024 };
  const child = execFile(program, [...words], options, (error, stdout, stderr) => {
    const code = error === null ? 0 : Number(error.code ?? 1);
    resolve({ code: Number.isNaN(code) ? 1 : code, said: `${stdout}\n${stderr}` });
  });
  child.stdin?.end(input);
  return promise;
}
