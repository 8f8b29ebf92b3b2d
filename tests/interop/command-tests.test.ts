/**
 * Kubernetes' own command tests, the shell scripts with which upstream drives kubectl, against our controller. They
 * come from its Go module; nodes are not needed.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ControllerProcess } from "../../packages/controller/test/controller-process.ts";
import { kubectl, kubectlMissing } from "../kubectl.ts";
import { fetchGoModule } from "./go-program.ts";

const source = fetchGoModule("k8s.io/kubernetes@v1.34.1");
const skip = typeof source === "string" ? source : await kubectlMissing("1.34");
/** A suite takes some seconds, and waits for nothing longer than upstream's own limits. */
const suiteTimeout = 400_000;

/**
 * All but one, in upstream's order: `convert` drives kubectl-convert, a program that nobody publishes. Events come
 * first, as that suite wants none that warn, and our scheduler says of each Pod that it has no node for it.
 */
const suites: readonly string[] = [
  "kubectl_events_tests",
  "kubectl_version_tests",
  "kubectl_results_tests",
  "kubectl_config_set_tests",
  "kubectl_config_set_cluster_tests",
  "kubectl_config_set_credentials_tests",
  "kubectl_local_proxy_tests",
  "RESTMapper_evaluation_tests",
  "clusterroles_tests",
  "role_tests",
  "assert_short_name_tests",
  "assert_singular_name_tests",
  "ambiguous_shortname_tests",
  "explain_crd_with_additional_properties_tests",
  "assert_categories_tests",
  "pod_tests",
  "save_config_tests",
  "kubectl_create_error_tests",
  "kubectl_apply_tests",
  "kubectl_server_side_apply_tests",
  "kubectl_run_tests",
  "kubectl_create_filter_tests",
  "kubectl_apply_deployments_tests",
  "kubectl_diff_tests",
  "kubectl_diff_same_names",
  "kubectl_get_tests",
  "kubectl_help_tests",
  "kubectl_exec_pod_tests",
  "kubectl_exec_resource_name_tests",
  "create_secret_tests",
  "kubectl_create_kustomization_directory_tests",
  "kubectl_create_validate_tests",
  "kubectl_delete_allnamespaces_tests",
  "kubectl_delete_interactive_tests",
  "kubectl_request_timeout_tests",
  "crd_tests",
  "recursive_resources_tests",
  "namespace_tests",
  "secrets_test",
  "configmap_tests",
  "client_config_tests",
  "service_accounts_tests",
  "job_tests",
  "create_job_tests",
  "pod_templates_tests",
  "service_tests",
  "daemonset_tests",
  "daemonset_history_tests",
  "rc_tests",
  "deployment_tests",
  "rs_tests",
  "stateful_set_tests",
  "statefulset_history_tests",
  "lists_tests",
  "multi_resources_tests",
  "persistent_volumes_tests",
  "persistent_volume_claims_tests",
  "storage_class_tests",
  "nodes_tests",
  "exec_credentials_tests",
  "exec_credentials_interactive_tests",
  "kubectl_auth_whoami_tests",
  "authorization_tests",
  "retrieve_multiple_tests",
  "resource_aliasing_tests",
  "kubectl_explain_tests",
  "crd_deletion_recreation_tests",
  "swagger_tests",
  "kubectl_sort_by_tests",
  "kubectl_all_namespace_tests",
  "deprecated_api_tests",
  "template_output_tests",
  "certificates_tests",
  "cluster_management_tests",
  "plugins_tests",
  "impersonation_tests",
  "wait_tests",
  "kubectl_debug_pod_tests",
  "kubectl_debug_general_tests",
  "kubectl_debug_baseline_tests",
  "kubectl_debug_restricted_tests",
  "kubectl_debug_netadmin_tests",
  "kubectl_debug_custom_profile_tests",
  "kubectl_debug_warning_tests",
  "kubectl_debug_node_tests",
  "kubectl_debug_general_node_tests",
  "kubectl_debug_baseline_node_tests",
  "kubectl_debug_restricted_node_tests",
  "kubectl_debug_netadmin_node_tests",
  "kuberc_tests",
];

/** Four of ten minutes; they run where SELVEDGE_GO is set. */
const long: ReadonlySet<string> = new Set([
  ...["cluster_management_tests", "pod_tests", "crd_tests", "kubectl_apply_deployments_tests", "rc_tests"],
  ...[
    "kubectl_get_tests",
    "recursive_resources_tests",
    "multi_resources_tests",
    "kubectl_diff_tests",
    "rs_tests",
  ],
]);
const isAsked = (suite: string): boolean => process.env["SELVEDGE_GO"] !== undefined || !long.has(suite);
/** It goes on in the namespace of another. */
const following: ReadonlySet<string> = new Set(["kubectl_create_kustomization_directory_tests"]);

/** Upstream's tests start with this object, which no kubelet reports. */
const node = {
  ...{ apiVersion: "v1", kind: "Node", status: { capacity: { memory: "1Gi" } } },
  metadata: { name: "127.0.0.1", annotations: { "save-managers": "true" } },
};

const plugins = "test/fixtures/pkg/kubectl/plugins";
/** One of whom upstream's tests only ask. */
const everybody = "--group=system:authenticated --user=bob";

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
    // Go's modules forget which files are programs.
    for (const file of readdirSync(join(copy, plugins), { recursive: true, encoding: "utf8" })) {
      chmodSync(join(copy, plugins, file), 0o755);
    }
    mkdirSync(bin);
    symlinkSync((await kubectl("1.34")) ?? "", join(bin, "kubectl"));
    const digest = createHash("sha256").update("admin-token").digest("hex");
    const tokens = join(folder, "tokens.csv");
    writeFileSync(tokens, `${digest},admin,admin,"system:masters"\n`);
    // The range that upstream's scripts take addresses of.
    const range = ["--service-cluster-ip-range", "10.0.0.0/24"];
    await controller.start(["--token-auth-file", tokens, ...range]);
    const as = async (words: string, input = ""): Promise<void> => {
      const all = ["--kubeconfig", controller.kubeconfig, ...words.split(" ")];
      const { code, said } = await run(join(bin, "kubectl"), all, {}, input);
      assert.equal(code, 0, said);
    };
    await as("create -f -", JSON.stringify(node));
    // Upstream's has none, and allows everything to everybody.
    await as("delete storageclass --all");
    await as(`create clusterrolebinding everybody --clusterrole=cluster-admin ${everybody}`);
  });
  after(async () => {
    await controller[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const suite of suites) {
    it(suite, {
      skip: !isAsked(suite) && "SELVEDGE_GO is not set: it is one of the ten that take longest",
    }, async () => {
      const temporary = mkdtempSync(join(folder, "suite-"));
      writeFileSync(join(temporary, "apiserver.crt"), controller.rootCertificate);
      const { code, said } = await run(join(import.meta.dirname, "command-tests/run.sh"), [copy, suite], {
        ...{ SECURE_API_PORT: String(controller.kubePort), THIS_PLATFORM_BIN: bin, KUBE_TEMP: temporary },
        ...{ OWN_NAMESPACE: following.has(suite) ? "yes" : "" },
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
