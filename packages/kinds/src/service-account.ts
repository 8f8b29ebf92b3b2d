import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { objectReference } from "./event.ts";
import { atomic, byKeys, flag, kindMessage, type Message, objects, pointer } from "./fields.ts";
import { builtIn } from "./kind.ts";
import { localObjectReference } from "./meta-fields.ts";

export interface ServiceAccount extends KubeObject {
  apiVersion: "v1";
  kind: "ServiceAccount";
  secrets?: { name?: string; namespace?: string }[];
  imagePullSecrets?: { name?: string }[];
  automountServiceAccountToken?: boolean;
}

const serviceAccount: Message = kindMessage("A name for a program that uses the API, and for who a Pod is.", {
  secrets: objects(2, objectReference, "Secrets that belong to it.", byKeys("name")),
  imagePullSecrets: objects(
    3,
    localObjectReference,
    "Secrets with the credentials of registries. Say them in the Pod: they are not copied from here.",
    atomic,
  ),
  automountServiceAccountToken: flag(
    4,
    "Whether its Pods get a token for the API, where they do not say.",
    pointer,
  ),
});

export const serviceAccountKind: KindDefinition = builtIn(serviceAccount, {
  group: "",
  version: "v1",
  kind: "ServiceAccount",
  plural: "serviceaccounts",
  returnsDeleted: true,
  singular: "serviceaccount",
  shortNames: ["sa"],
  namespaced: true,
  subresources: {
    others: [
      {
        ...{ name: "token", kind: "TokenRequest", group: "authentication.k8s.io", version: "v1" },
        verbs: ["create"],
      },
    ],
  },
  columns: [
    nameColumn,
    column<ServiceAccount>("Secrets", "How many Secrets it names.", ({ secrets }) => secrets?.length ?? 0),
    ageColumn,
  ],
});
