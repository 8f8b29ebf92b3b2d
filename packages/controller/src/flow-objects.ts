/**
 * The levels that requests compete in, as objects: one PriorityLevelConfiguration and one FlowSchema each. They
 * say what the API server does; nothing is done by them.
 */
import { flowMax, type Level, standardLevels, waitingMax } from "@selvedge/apiserver";
import { jsonEqual } from "@selvedge/base";
import { isReason, type KindRef, type Objects } from "@selvedge/client";
import {
  type FlowSchema,
  type FlowSubject,
  flowSchemaKind,
  type PriorityLevelConfiguration,
  priorityLevelKind,
} from "@selvedge/kinds";
import { ensureCondition } from "./first-condition.ts";

type FlowObject = FlowSchema | PriorityLevelConfiguration;

const apiVersion = "flowcontrol.apiserver.k8s.io/v1";
/** Between them, as upstream leaves room. */
const precedenceStep = 1_000;

const levelObjects: readonly PriorityLevelConfiguration[] = standardLevels.map(({ name, share }) => ({
  ...{ apiVersion, kind: "PriorityLevelConfiguration", metadata: { name } },
  spec: {
    type: "Limited",
    limited: {
      nominalConcurrencyShares: share,
      // A queue for each user who waits, of which there can be as many as requests.
      limitResponse: {
        type: "Queue",
        queuing: { queues: waitingMax, handSize: 1, queueLengthLimit: flowMax },
      },
      lendablePercent: 100,
    },
  },
}));

const schemaObjects: readonly FlowSchema[] = standardLevels.map(({ name, subjects }, index) => ({
  ...{ apiVersion, kind: "FlowSchema", metadata: { name } },
  spec: {
    priorityLevelConfiguration: { name },
    matchingPrecedence: (index + 1) * precedenceStep,
    distinguisherMethod: { type: "ByUser" },
    rules: [
      {
        subjects: subjects.map(subjectOf),
        resourceRules: [
          { verbs: ["*"], apiGroups: ["*"], resources: ["*"], clusterScope: true, namespaces: ["*"] },
        ],
        nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
      },
    ],
  },
}));

function subjectOf(subject: Level["subjects"][number]): FlowSubject {
  return "group" in subject
    ? { kind: "Group", group: { name: subject.group } }
    : { kind: "ServiceAccount", serviceAccount: { namespace: subject.accountsOf, name: "*" } };
}

const own: readonly (readonly [KindRef, readonly FlowObject[]])[] = [
  [priorityLevelKind, levelObjects],
  [flowSchemaKind, schemaObjects],
];

/** What the object must say, when it is one of the server's own. */
export function ownFlowSpec(kind: KindRef, name: string): FlowObject["spec"] | undefined {
  const [, objects = []] = own.find(([of]) => of === kind) ?? [];
  return objects.find(({ metadata }) => metadata.name === name)?.spec;
}

/** Makes them, and makes them say again what is done where they say something else. */
export async function ensureFlowObjects(objects: Objects): Promise<void> {
  for (const [kind, wanted] of own) for (const object of wanted) await ensure(objects, kind, object);
  for (const { metadata } of schemaObjects) {
    const { name } = metadata;
    // Its level is there: nothing else would say so.
    const message = `This FlowSchema references the PriorityLevelConfiguration object named "${name}" and it exists`;
    const found = { type: "Dangling", status: "False", reason: "Found", message } as const;
    await ensureCondition(objects, flowSchemaKind, name, found);
  }
}

async function ensure(objects: Objects, kind: KindRef, object: FlowObject): Promise<void> {
  try {
    await objects.create(kind, object);
  } catch (error) {
    if (!isReason(error, "AlreadyExists")) throw error;
    const { metadata, spec } = await objects.get<FlowObject>(kind, object.metadata.name);
    if (!jsonEqual(spec, object.spec)) {
      await objects.patch(kind, metadata.name, undefined, "json", [
        { op: "replace", path: "/spec", value: object.spec },
      ]);
    }
  }
}
