/** Who gets which role: what RoleBinding and ClusterRoleBinding have in common. */
import {
  type Column,
  dnsSubdomainFaults,
  type FieldError,
  type KindDefinition,
  type KubeObject,
} from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { Faults } from "../faults.ts";
import {
  atomic,
  kindMessage,
  type Message,
  mapAtomic,
  message,
  needed,
  object,
  objects,
  text,
} from "../fields.ts";
import { pathSegmentFaults, rbacGroup } from "./policy-rule.ts";

export interface Subject {
  kind: string;
  apiGroup?: string;
  name: string;
  namespace?: string;
}

export interface RoleRef {
  apiGroup: string;
  kind: string;
  name: string;
}

export interface Binding extends KubeObject {
  subjects?: Subject[];
  roleRef: RoleRef;
}

const subject: Message = message(
  "A user, a group or a ServiceAccount.",
  {
    kind: text(1, "User, Group or ServiceAccount.", needed),
    apiGroup: text(2, "rbac.authorization.k8s.io for users and groups, nothing for ServiceAccounts."),
    name: text(3, "Its name.", needed),
    namespace: text(4, "Of a ServiceAccount."),
  },
  mapAtomic,
);

const roleRef: Message = message(
  "The role that is given. It cannot be changed.",
  {
    apiGroup: text(1, "rbac.authorization.k8s.io.", needed),
    kind: text(2, "Role or ClusterRole.", needed),
    name: text(3, "Its name.", needed),
  },
  mapAtomic,
);

export function bindingMessage(description: string): Message {
  return kindMessage(description, {
    subjects: objects(2, subject, "Who gets the role.", atomic),
    roleRef: object(3, roleRef, undefined, needed),
  });
}

/** What both kinds of binding are, but for their names and scope. */
export const bindingRules: Pick<KindDefinition, "nameFaults" | "columns" | "applyDefaults"> = {
  nameFaults: pathSegmentFaults,
  applyDefaults: (binding) => applyDefaults(binding as Binding),
  columns: [
    nameColumn,
    column<Binding>("Role", "The role that is given.", ({ roleRef: of }) => `${of.kind}/${of.name}`),
    ageColumn,
    subjectColumn("Users", "User"),
    subjectColumn("Groups", "Group"),
    subjectColumn("ServiceAccounts", "ServiceAccount"),
  ],
};

function subjectColumn(name: string, kind: string): Column {
  return column<Binding>(
    name,
    `Which ${name.toLowerCase()} get it.`,
    ({ subjects = [] }) =>
      subjects
        .filter((one) => one.kind === kind)
        .map((one) => (kind === "ServiceAccount" ? `${one.namespace ?? ""}/${one.name}` : one.name))
        .join(", "),
    1,
  );
}

function applyDefaults({ subjects = [], roleRef: of }: Binding): void {
  if (of !== undefined && !of.apiGroup) of.apiGroup = rbacGroup;
  for (const one of subjects) {
    if (!one.apiGroup && (one.kind === "User" || one.kind === "Group")) one.apiGroup = rbacGroup;
  }
}

export function checkBinding(
  binding: Binding,
  old: Binding | undefined,
  roleKinds: readonly string[],
  namespaced: boolean,
): FieldError[] {
  const faults = new Faults();
  const { roleRef: of, subjects = [] } = binding;
  if (of !== undefined) {
    faults.oneOf("roleRef.apiGroup", of.apiGroup, [rbacGroup]);
    faults.oneOf("roleRef.kind", of.kind, roleKinds);
    if (of.name) faults.all("roleRef.name", of.name, pathSegmentFaults(of.name));
    else faults.required("roleRef.name");
    if (old !== undefined && !jsonEqual(of, old.roleRef)) {
      faults.invalid("roleRef", of, "cannot change roleRef");
    }
  }
  for (const [index, one] of subjects.entries()) checkSubject(faults, `subjects[${index}]`, one, namespaced);
  return faults.errors;
}

function checkSubject(faults: Faults, at: string, one: Subject, namespaced: boolean): void {
  const { kind, name, apiGroup = "", namespace } = one;
  if (!name) faults.required(`${at}.name`);
  if (kind === "ServiceAccount") {
    if (name) faults.all(`${at}.name`, name, dnsSubdomainFaults(name));
    if (apiGroup !== "") faults.oneOf(`${at}.apiGroup`, apiGroup, [""]);
    if (!namespaced && !namespace) faults.required(`${at}.namespace`);
  } else if (kind === "User" || kind === "Group") faults.oneOf(`${at}.apiGroup`, apiGroup, [rbacGroup]);
  else faults.oneOf(`${at}.kind`, kind, ["ServiceAccount", "User", "Group"]);
}
