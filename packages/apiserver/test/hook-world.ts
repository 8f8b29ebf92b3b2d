/** A server with a webhook, and how tests say what it is asked about. */

import assert from "node:assert/strict";
import { waitFor } from "../../harness/src/real/wait.ts";
import { ApiWorld, type Reply, type RequestOptions } from "./api-world.ts";
import { type Answer, HookServer } from "./hook-server.ts";

export const registration = "/apis/admissionregistration.k8s.io/v1";
export const maps = "/api/v1/namespaces/default/configmaps";
const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

export interface SaidHook {
  readonly path: string;
  readonly [more: string]: unknown;
}

export class HookWorld {
  readonly api: ApiWorld;
  readonly hooks: HookServer;
  /** Removed when a test is over, the last first. */
  readonly made: string[] = [];

  constructor(
    answers: Readonly<Record<string, Answer>>,
    options: ConstructorParameters<typeof ApiWorld>[0] & { readonly names?: readonly string[] } = {},
  ) {
    this.api = new ApiWorld(options);
    this.hooks = new HookServer(answers, options.names);
  }

  async start(): Promise<this> {
    await this.hooks.start();
    await this.api.start();
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.api[Symbol.asyncDispose]();
    await this.hooks[Symbol.asyncDispose]();
  }

  async cleanUp(): Promise<void> {
    for (const path of this.made.splice(0).reverse()) await this.api.send(path, { method: "DELETE" });
    this.hooks.asked.length = 0;
  }

  async ask(path: string, code: number, options: RequestOptions = {}): Promise<Reply["json"]> {
    const reply = await this.api.send(path, options);
    assert.equal(reply.status, code, `${options.method ?? "GET"} ${path}: ${reply.text}`);
    return reply.json;
  }

  /** What is made goes when the test is over. */
  async post(path: string, body: object, code = 201): Promise<Reply["json"]> {
    const { name = "" } = (body as { metadata?: { name?: string } }).metadata ?? {};
    if (code === 201) this.made.push(`${path.split("?")[0]}/${name}`);
    return await this.ask(path, code, { method: "POST", body: JSON.stringify(body) });
  }

  put(path: string, body: object, code = 200): Promise<Reply["json"]> {
    return this.ask(path, code, { method: "PUT", body: JSON.stringify(body) });
  }

  patch(path: string, body: object, code = 200, type = "merge-patch+json"): Promise<Reply["json"]> {
    const headers = { "content-type": `application/${type}` };
    return this.ask(path, code, { method: "PATCH", headers, body: JSON.stringify(body) });
  }

  /** A configuration with a webhook for each that is said; returns where it is. */
  async register(
    type: "mutating" | "validating",
    name: string,
    rules: readonly object[],
    ...said: readonly SaidHook[]
  ): Promise<string> {
    const path = `${registration}/${type}webhookconfigurations`;
    await this.post(path, this.configuration(type, name, rules, ...said));
    return `${path}/${name}`;
  }

  configuration(
    type: "mutating" | "validating",
    name: string,
    rules: readonly object[],
    ...said: readonly SaidHook[]
  ): object {
    const webhooks = said.map(({ path, ...more }, index) => ({
      ...{ name: `hook-${index}.${name}.example`, clientConfig: this.hooks.client(path), rules },
      ...{ sideEffects: "None", admissionReviewVersions: ["v1"], ...more },
    }));
    const kind = type === "mutating" ? "MutatingWebhookConfiguration" : "ValidatingWebhookConfiguration";
    return { apiVersion: "admissionregistration.k8s.io/v1", kind, metadata: { name }, webhooks };
  }

  /** Defines a kind with a data map and waits for it to be served; returns where its objects are. */
  async define(plural: string, versions: readonly object[], more: object = {}): Promise<string> {
    const kind = `${plural[0]?.toUpperCase()}${plural.slice(1, -1)}`;
    const names = { plural, singular: plural.slice(0, -1), kind };
    await this.post(definitions, {
      ...{ apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" },
      metadata: { name: `${plural}.lab.test` },
      spec: { group: "lab.test", scope: "Namespaced", names, versions, ...more },
    });
    const path = `/apis/lab.test/v1/namespaces/default/${plural}`;
    await waitFor(
      `${plural} to be served`,
      async () => (await this.api.send(path)).status === 200 || undefined,
    );
    return path;
  }
}

export function rule(resource: string, ...operations: string[]): object {
  return { operations, apiGroups: ["*"], apiVersions: ["*"], resources: [resource] };
}

export function configMap(name: string, data: object, metadata: object = {}): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, ...metadata }, data };
}

export function pod(name: string, more: object = {}): object {
  const spec = { containers: [{ name: "main", image: "example.org/app:1" }], ...more };
  return { apiVersion: "v1", kind: "Pod", metadata: { name }, spec };
}

const open = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

export function version(name: string, storage: boolean, properties?: object): object {
  const schema = properties === undefined ? open : { type: "object", properties };
  return { name, served: true, storage, schema: { openAPIV3Schema: schema } };
}
