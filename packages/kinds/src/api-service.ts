import type { KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { ageColumn, column, nameColumn } from "./columns.ts";
import {
  byKeys,
  flag,
  int32,
  kindMessage,
  type Member,
  type Message,
  message,
  needed,
  object,
  objects,
  pointer,
  text,
  time,
} from "./fields.ts";
import { builtIn } from "./kind.ts";

/** A group and version that is served. Made when asked for, never stored. */
export interface ApiService extends KubeObject {
  apiVersion: "apiregistration.k8s.io/v1";
  kind: "APIService";
  spec: { group?: string; version: string; groupPriorityMinimum: number; versionPriority: number };
  status: { conditions: ApiServiceCondition[] };
}

interface ApiServiceCondition {
  type: "Available";
  status: "True" | "False" | "Unknown";
  lastTransitionTime?: string;
  reason?: string;
  message?: string;
}

const reference: Message = message("A Service.", {
  namespace: text(1, "Its namespace."),
  name: text(2, "Its name."),
  port: int32(3, "Its port; 443 when not said.", pointer),
});

const caBundle: Member = {
  number: 5,
  schema: {
    ...{ type: "string", format: "byte", "x-kubernetes-list-type": "atomic" },
    description: "Whose certificates are taken.",
  },
  wire: { type: "bytes" },
  needed: false,
};

const spec: Message = message("What is served, and by whom.", {
  service: object(1, reference, "Who serves it; this server itself where there is none.", pointer),
  group: text(2, "The group."),
  version: text(3, "The version."),
  insecureSkipTLSVerify: flag(4, "Whether any certificate is taken."),
  caBundle,
  groupPriorityMinimum: int32(7, "Groups with more come first.", needed),
  versionPriority: int32(8, "Versions of the group with more come first.", needed),
});

const condition: Message = message("What is the case.", {
  type: text(1, "What it is about: Available.", needed),
  status: text(2, "True, False or Unknown.", needed),
  lastTransitionTime: time(3, "Since when."),
  reason: text(4, "Why, in a word."),
  message: text(5, "Why, in words."),
});

const status: Message = message("Whether it is served.", {
  conditions: objects(1, condition, "Whether it is served.", byKeys("type")),
});

const apiService: Message = kindMessage("A group and version that is served here.", {
  spec: object(2, spec, "What is served, and by whom."),
  status: object(3, status, "Whether it is served."),
});

export const apiServiceKind: KindDefinition = builtIn(apiService, {
  group: "apiregistration.k8s.io",
  version: "v1",
  kind: "APIService",
  plural: "apiservices",
  singular: "apiservice",
  categories: ["api-extensions"],
  namespaced: false,
  hasGeneration: false,
  verbs: ["get", "list", "watch"],
  columns: [
    nameColumn,
    column("Service", "Who serves it.", () => "Local"),
    column<ApiService>(
      "Available",
      "Whether it is served.",
      ({ status: { conditions } }) => conditions[0]?.status ?? "Unknown",
    ),
    ageColumn,
  ],
});
