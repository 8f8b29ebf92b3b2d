import type { FieldError, KindDefinition, KubeObject } from "@selvedge/apimachinery";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { Faults } from "../faults.ts";
import { int32, kindMessage, type Message, message, needed, object, pointer, text } from "../fields.ts";
import { builtIn } from "../kind.ts";
import { checkConditions, type FlowCondition, flowStatus } from "./flow-conditions.ts";

/** Requests that compete with each other, and their share of all that is worked on at once. */
export interface PriorityLevelConfiguration extends KubeObject {
  apiVersion: "flowcontrol.apiserver.k8s.io/v1";
  kind: "PriorityLevelConfiguration";
  spec: PriorityLevelSpec;
  status?: { conditions?: FlowCondition[] };
}

export interface PriorityLevelSpec {
  type: "Limited" | "Exempt";
  limited?: LimitedLevel;
  exempt?: { nominalConcurrencyShares?: number; lendablePercent?: number };
}

interface LimitedLevel {
  nominalConcurrencyShares?: number;
  limitResponse?: { type: "Queue" | "Reject"; queuing?: Queuing };
  lendablePercent?: number;
  borrowingLimitPercent?: number;
}

interface Queuing {
  queues?: number;
  handSize?: number;
  queueLengthLimit?: number;
}

const queuing: Message = message("How requests wait.", {
  queues: int32(1, "How many queues there are."),
  handSize: int32(2, "How many of them a flow may use."),
  queueLengthLimit: int32(3, "How many may wait in one."),
});

const limitResponse: Message = message("What becomes of requests for which there is no seat.", {
  type: text(1, "Queue or Reject.", needed),
  queuing: object(2, queuing, "How they wait.", pointer),
});

const limited: Message = message("A level with a limit.", {
  nominalConcurrencyShares: int32(1, "Its share of all seats, in parts of the sum of all.", pointer),
  limitResponse: object(2, limitResponse, "What becomes of requests for which there is no seat."),
  lendablePercent: int32(3, "How much of its share others may use while it does not.", pointer),
  borrowingLimitPercent: int32(
    4,
    "How much of others' it may use; as much as there is when unsaid.",
    pointer,
  ),
});

const exempt: Message = message("A level without a limit.", {
  nominalConcurrencyShares: int32(1, "What others have less for it.", pointer),
  lendablePercent: int32(2, "How much of that others may use.", pointer),
});

const levelSpec: Message = message("What it may use.", {
  type: text(1, "Limited or Exempt.", needed),
  limited: object(2, limited, "A level with a limit.", pointer),
  exempt: object(3, exempt, "A level without a limit.", pointer),
});

const priorityLevel: Message = kindMessage(
  "Requests that compete with each other. Those of the server's own levels say what it does; others are kept.",
  {
    spec: object(2, levelSpec, "What it may use."),
    status: object(3, flowStatus, "How it is."),
  },
);

const none = "<none>";
const ofQueues = (name: string, description: string, member: keyof Queuing) =>
  column<PriorityLevelConfiguration>(name, description, ({ spec }) =>
    String(spec?.limited?.limitResponse?.queuing?.[member] ?? none),
  );

export const priorityLevelKind: KindDefinition = builtIn(priorityLevel, {
  group: "flowcontrol.apiserver.k8s.io",
  version: "v1",
  kind: "PriorityLevelConfiguration",
  plural: "prioritylevelconfigurations",
  singular: "prioritylevelconfiguration",
  namespaced: false,
  subresources: { status: true },
  applyDefaults: (object) => {
    const { spec } = object as PriorityLevelConfiguration;
    if (spec?.exempt !== undefined) {
      spec.exempt.nominalConcurrencyShares ??= 0;
      spec.exempt.lendablePercent ??= 0;
    }
    if (spec?.limited === undefined) return;
    spec.limited.nominalConcurrencyShares ??= 30;
    spec.limited.lendablePercent ??= 0;
    const waiting = spec.limited.limitResponse?.queuing;
    if (waiting === undefined) return;
    waiting.handSize ||= 8;
    waiting.queues ||= 64;
    waiting.queueLengthLimit ||= 50;
  },
  validate: (object) => validate(object as PriorityLevelConfiguration),
  columns: [
    nameColumn,
    column<PriorityLevelConfiguration>("Type", "Limited or Exempt.", ({ spec }) => spec?.type ?? ""),
    column<PriorityLevelConfiguration>("NominalConcurrencyShares", "Its share of all seats.", ({ spec }) =>
      String(spec?.limited?.nominalConcurrencyShares ?? none),
    ),
    ofQueues("Queues", "How many queues there are.", "queues"),
    ofQueues("HandSize", "How many of them a flow may use.", "handSize"),
    ofQueues("QueueLengthLimit", "How many may wait in one.", "queueLengthLimit"),
    ageColumn,
  ],
});

/** The one level without a limit there can be. */
const exemptName = "exempt";
const notNegative = "must be a non-negative integer";

function validate({ metadata, spec, status }: PriorityLevelConfiguration): FieldError[] {
  const faults = new Faults();
  const type = spec?.type;
  if ((metadata.name === exemptName) !== (type === "Exempt")) {
    faults.invalid("spec.type", type ?? "", "must be 'Exempt' if and only if `name` is 'exempt'");
  }
  if (type === "Exempt") {
    if (spec.limited !== undefined) {
      faults.forbidden("spec.limited", "must be nil if the type is not Limited");
    }
    checkShares(faults, "spec.exempt", spec.exempt);
  } else if (type === "Limited") {
    if (spec.exempt !== undefined) faults.forbidden("spec.exempt", "must be nil if the type is Limited");
    if (spec.limited === undefined) {
      faults.required("spec.limited", "must not be empty when type is Limited");
    } else checkLimited(faults, spec.limited);
  } else faults.oneOf("spec.type", type ?? "", ["Exempt", "Limited"]);
  checkConditions(faults, status?.conditions);
  return faults.errors;
}

function checkLimited(faults: Faults, level: LimitedLevel): void {
  const at = "spec.limited";
  checkShares(faults, at, level);
  const { limitResponse: { type, queuing: waiting } = { type: "" }, borrowingLimitPercent } = level;
  const queues = `${at}.limitResponse.queuing`;
  if (type === "Reject") {
    if (waiting !== undefined) {
      faults.forbidden(queues, "must be nil if limited.limitResponse.type is not Limited");
    }
  } else if (type === "Queue") {
    if (waiting === undefined) {
      faults.required(queues, "must not be empty if limited.limitResponse.type is Limited");
    } else checkQueuing(faults, queues, waiting);
  } else faults.oneOf(`${at}.limitResponse.type`, type, ["Queue", "Reject"]);
  if (borrowingLimitPercent !== undefined && borrowingLimitPercent < 0) {
    faults.invalid(`${at}.borrowingLimitPercent`, borrowingLimitPercent, `if specified, ${notNegative}`);
  }
}

function checkShares(faults: Faults, at: string, level: PriorityLevelSpec["exempt"]): void {
  const { nominalConcurrencyShares: shares = 0, lendablePercent = 0 } = level ?? {};
  if (shares < 0) faults.invalid(`${at}.nominalConcurrencyShares`, shares, notNegative);
  faults.between(`${at}.lendablePercent`, lendablePercent, 0, 100);
}

const queuesMax = 10_000_000;
/** Upstream chooses a flow's queues by so many bits of its hash. */
const hashBits = 60;

function checkQueuing(faults: Faults, at: string, waiting: Queuing): void {
  const { queues = 0, handSize = 0, queueLengthLimit = 0 } = waiting;
  const positive = "must be positive";
  if (queueLengthLimit <= 0) faults.invalid(`${at}.queueLengthLimit`, queueLengthLimit, positive);
  if (queues <= 0) faults.invalid(`${at}.queues`, queues, positive);
  else if (queues > queuesMax)
    faults.invalid(`${at}.queues`, queues, `must not be greater than ${queuesMax}`);
  if (handSize <= 0) faults.invalid(`${at}.handSize`, handSize, positive);
  else if (handSize > queues) {
    faults.invalid(`${at}.handSize`, handSize, `should not be greater than queues (${queues})`);
  } else {
    const bits = Math.ceil(Math.log2(queues) * handSize);
    if (bits <= hashBits) return;
    const asked = `required entropy bits of deckSize ${queues} and handSize ${handSize}`;
    faults.invalid(`${at}.handSize`, handSize, `${asked} should not be greater than ${hashBits}`);
  }
}
