import type { FieldError, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { Faults } from "../faults.ts";
import {
  atomic,
  flag,
  int32,
  kindMessage,
  type Message,
  message,
  needed,
  object,
  objects,
  pointer,
  set,
  text,
  texts,
} from "../fields.ts";
import { builtIn } from "../kind.ts";
import { checkConditions, type FlowCondition, flowStatus } from "./flow-conditions.ts";
import { checkFlowRules, type FlowRules } from "./flow-rules.ts";

/** Whose requests are of which level. */
export interface FlowSchema extends KubeObject {
  apiVersion: "flowcontrol.apiserver.k8s.io/v1";
  kind: "FlowSchema";
  spec: FlowSchemaSpec;
  status?: { conditions?: FlowCondition[] };
}

export interface FlowSchemaSpec {
  priorityLevelConfiguration: { name?: string };
  matchingPrecedence?: number;
  distinguisherMethod?: { type: "ByUser" | "ByNamespace" };
  rules?: FlowRules[];
}

const levelReference: Message = message("A level.", { name: text(1, "Its name.", needed) });
const distinguisher: Message = message("What tells flows apart.", {
  type: text(1, "ByUser or ByNamespace.", needed),
});

const named: Message = message("One of many.", { name: text(1, "Its name; * for all of them.", needed) });
const account: Message = message("A ServiceAccount.", {
  namespace: text(1, "Its namespace.", needed),
  name: text(2, "Its name; * for all of the namespace.", needed),
});

const subject: Message = message("Somebody who asks.", {
  kind: text(1, "User, Group or ServiceAccount.", needed),
  user: object(2, named, "A user.", pointer),
  group: object(3, named, "All of a group.", pointer),
  serviceAccount: object(4, account, "A ServiceAccount.", pointer),
});

const resourceRule: Message = message("Requests about objects.", {
  verbs: texts(1, "What is done.", set, needed),
  apiGroups: texts(2, "Groups of kinds.", set, needed),
  resources: texts(3, "Kinds, in the plural.", set, needed),
  clusterScope: flag(4, "Whether those without a namespace are meant as well."),
  namespaces: texts(5, "Namespaces.", set),
});

const otherRule: Message = message("Requests about something else.", {
  verbs: texts(1, "What is done.", set, needed),
  nonResourceURLs: texts(6, "Paths.", set, needed),
});

const rules: Message = message("Requests of somebody.", {
  subjects: objects(1, subject, "Who asks.", atomic, needed),
  resourceRules: objects(2, resourceRule, "Requests about objects.", atomic),
  nonResourceRules: objects(3, otherRule, "Requests about something else.", atomic),
});

const schemaSpec: Message = message("Whose requests, and their level.", {
  priorityLevelConfiguration: object(1, levelReference, "The level.", needed),
  matchingPrecedence: int32(2, "The lowest that matches decides. 1000 when not said."),
  distinguisherMethod: object(3, distinguisher, "What tells flows apart.", pointer),
  rules: objects(4, rules, "Requests that are meant; any of them.", atomic),
});

const flowSchema: Message = kindMessage(
  "Whose requests are of which level. Those of the server's own levels say what it does; others are kept.",
  {
    spec: object(2, schemaSpec, "Whose requests, and their level."),
    status: object(3, flowStatus, "How it is."),
  },
);

export const flowSchemaKind: KindDefinition = builtIn(flowSchema, {
  group: "flowcontrol.apiserver.k8s.io",
  version: "v1",
  kind: "FlowSchema",
  plural: "flowschemas",
  singular: "flowschema",
  namespaced: false,
  subresources: { status: true },
  applyDefaults: (object) => {
    const { spec } = object as FlowSchema;
    if (spec !== undefined) spec.matchingPrecedence ||= 1_000;
  },
  validate: (object) => validate(object as FlowSchema),
  columns: [
    nameColumn,
    column<FlowSchema>(
      "PriorityLevel",
      "The level.",
      ({ spec }) => spec?.priorityLevelConfiguration?.name ?? "",
    ),
    column<FlowSchema>(
      "MatchingPrecedence",
      "The lowest that matches decides.",
      ({ spec }) => spec?.matchingPrecedence ?? 0,
    ),
    column<FlowSchema>(
      "DistinguisherMethod",
      "What tells flows apart.",
      ({ spec }) => spec?.distinguisherMethod?.type ?? "<none>",
    ),
    ageColumn,
    column<FlowSchema>("MissingPL", "Whether its level is not there.", ({ status }) => {
      const found = status?.conditions?.find(({ type }) => type === "Dangling");
      return found?.status ?? "?";
    }),
  ],
});

const precedenceMax = 10_000;

function validate({ metadata, spec, status }: FlowSchema): FieldError[] {
  const faults = new Faults();
  const {
    matchingPrecedence: precedence = 0,
    distinguisherMethod,
    priorityLevelConfiguration: level,
  } = spec ?? {};
  const at = "spec.matchingPrecedence";
  if (precedence <= 0) faults.invalid(at, precedence, "must be a positive value");
  if (precedence > precedenceMax) {
    faults.invalid(at, precedence, `must not be greater than ${precedenceMax}`);
  }
  if (precedence === 1 && metadata.name !== "exempt") {
    faults.invalid(at, precedence, "only the schema named 'exempt' may have matchingPrecedence 1");
  }
  if (distinguisherMethod !== undefined) {
    faults.oneOf("spec.distinguisherMethod.type", distinguisherMethod.type, ["ByNamespace", "ByUser"]);
  }
  const name = "spec.priorityLevelConfiguration.name";
  if (level?.name) faults.subdomain(name, level.name);
  else faults.required(name, "must reference a priority level");
  for (const [index, one] of (spec?.rules ?? []).entries()) {
    checkFlowRules(faults, `spec.rules[${index}]`, one);
  }
  checkConditions(faults, status?.conditions);
  return faults.errors;
}
