/** Brings the roles that everybody takes for granted into a registry, at every start. */
import type { KubeObject } from "@selvedge/apimachinery";
import type { KindName } from "../../rest/kind-names.ts";
import type { ObjectRegistry } from "../../rest/object-registry.ts";
import { StatusError } from "../../status-error.ts";
import { planBootstrap } from "./bootstrap-plan.ts";
import type { BootstrapObjects } from "./bootstrap-roles.ts";
import { clusterRoleBindingName, clusterRoleName } from "./rbac-authorizer.ts";

const options = { fieldManager: "rbac-bootstrap" };
/** Other replicas start at the same time. */
const attemptsMax = 5;

export async function bootstrapRbac(objects: ObjectRegistry, wanted: BootstrapObjects): Promise<void> {
  for (const role of wanted.clusterRoles) await settle(objects, clusterRoleName, role);
  for (const binding of wanted.clusterRoleBindings) await settle(objects, clusterRoleBindingName, binding);
}

async function settle(objects: ObjectRegistry, kind: KindName, wanted: KubeObject): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await step(objects, kind, wanted);
      return;
    } catch (error) {
      const isRace = error instanceof StatusError && (error.code === 409 || error.code === 404);
      if (!isRace || attempt >= attemptsMax) throw error;
    }
  }
}

async function step(objects: ObjectRegistry, kind: KindName, wanted: KubeObject): Promise<void> {
  const { name } = wanted.metadata;
  const plan = planBootstrap(wanted, await find(objects, kind, name));
  switch (plan.type) {
    case "create":
      await objects.create(kind, wanted, options);
      return;
    case "update":
      await objects.update(kind, plan.object, options);
      return;
    case "replace": {
      await objects.delete(kind, name);
      const { resourceVersion: _revision, uid: _uid, ...metadata } = plan.object.metadata;
      await objects.create(kind, { ...plan.object, metadata }, options);
      return;
    }
    case "nothing":
      return;
  }
}

async function find(objects: ObjectRegistry, kind: KindName, name: string): Promise<KubeObject | undefined> {
  try {
    return await objects.get(kind, name);
  } catch (error) {
    if (error instanceof StatusError && error.reason === "NotFound") return undefined;
    throw error;
  }
}
