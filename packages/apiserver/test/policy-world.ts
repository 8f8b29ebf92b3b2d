/** A server, and how tests say what its admission policies are. */

import assert from "node:assert/strict";
import { waitFor } from "../../harness/src/real/wait.ts";
import { parseAuditPolicy } from "../src/index.ts";
import { ApiWorld, type Reply, type RequestOptions } from "./api-world.ts";

export const registration = "/apis/admissionregistration.k8s.io/v1";
export const policies: string = `${registration}/validatingadmissionpolicies`;
export const bindings: string = `${registration}/validatingadmissionpolicybindings`;
export const maps = "/api/v1/namespaces/default/configmaps";
export const deployments = "/apis/apps/v1/namespaces/default/deployments";

const audited = parseAuditPolicy({
  ...{ apiVersion: "audit.k8s.io/v1", kind: "Policy", omitStages: ["RequestReceived"] },
  rules: [{ level: "Metadata" }],
});

export class PolicyWorld {
  readonly api: ApiWorld;
  /** Of the audit log. */
  readonly lines: string[] = [];
  readonly #made: string[] = [];

  constructor() {
    this.api = new ApiWorld({
      audit: { policy: audited, sink: { write: (line) => void this.lines.push(line) } },
    });
  }

  async start(): Promise<this> {
    await this.api.start();
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.api[Symbol.asyncDispose]();
  }

  async cleanUp(): Promise<void> {
    for (const path of this.#made.splice(0).reverse()) await this.api.send(path, { method: "DELETE" });
    this.lines.length = 0;
  }

  async send(path: string, code: number, options: RequestOptions = {}): Promise<Reply> {
    const reply = await this.api.send(path, options);
    assert.equal(reply.status, code, `${options.method ?? "GET"} ${path}: ${reply.text}`);
    return reply;
  }

  async ask(path: string, code: number, options: RequestOptions = {}): Promise<Reply["json"]> {
    return (await this.send(path, code, options)).json;
  }

  /** What is made goes when the test is over. */
  async post(path: string, body: object, code = 201, token = "root"): Promise<Reply> {
    const reply = await this.send(path, code, { method: "POST", body: JSON.stringify(body), token });
    if (code === 201) this.#made.push(`${path.split("?")[0]}/${reply.json.metadata.name}`);
    return reply;
  }

  patch(path: string, body: object, code = 200): Promise<Reply["json"]> {
    const headers = { "content-type": "application/merge-patch+json" };
    return this.ask(path, code, { method: "PATCH", headers, body: JSON.stringify(body) });
  }

  /** A policy, and a binding of it. */
  async bind(name: string, spec: object, bound: object = {}): Promise<void> {
    await this.post(policies, policy(name, spec));
    await this.post(bindings, binding(name, bound));
  }

  /** What is said of an error, or of whatever else was answered. */
  async message(path: string, body: object, code = 422): Promise<string> {
    return (await this.post(path, body, code)).json.message;
  }

  /** What the audit log has to say of the newest request to the path. */
  async annotations(path: string): Promise<Readonly<Record<string, string>>> {
    const { annotations } = await waitFor(`an audit line of ${path}`, async () =>
      this.lines.map((line) => JSON.parse(line)).findLast(({ requestURI }) => requestURI === path),
    );
    return annotations;
  }
}

export function rule(group: string, resource: string, ...operations: string[]): object {
  return { operations, apiGroups: [group], apiVersions: ["v1"], resources: [resource] };
}

export function matching(...resourceRules: object[]): object {
  return { matchConstraints: { resourceRules } };
}

export const onMaps: object = matching(rule("", "configmaps", "CREATE", "UPDATE"));
export const onDeployments: object = matching(rule("apps", "deployments", "CREATE", "UPDATE"));

export function policy(name: string, spec: object, metadata: object = {}): object {
  return {
    ...{ apiVersion: "admissionregistration.k8s.io/v1", kind: "ValidatingAdmissionPolicy" },
    ...{ metadata: { name, ...metadata }, spec },
  };
}

/** It is called as its policy. */
export function binding(name: string, spec: object = {}, metadata: object = {}): object {
  return {
    ...{ apiVersion: "admissionregistration.k8s.io/v1", kind: "ValidatingAdmissionPolicyBinding" },
    metadata: { name, ...metadata },
    spec: { policyName: name, validationActions: ["Deny"], ...spec },
  };
}

export function configMap(name: string, data: object = {}, metadata: object = {}): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, ...metadata }, data };
}

export function deployment(name: string, replicas: number): object {
  const labels = { app: "nginx" };
  const spec = { containers: [{ name: "nginx", image: "nginx:latest" }] };
  return {
    ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name, labels } },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
}

/** As clients are told, by a binding that is called as its policy. */
export function denied(resource: string, name: string, by: string, why: string): string {
  const policy = `ValidatingAdmissionPolicy '${by}' with binding '${by}'`;
  return `${resource} "${name}" is forbidden: ${policy} denied request: ${why}`;
}
