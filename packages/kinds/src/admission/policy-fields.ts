/** A policy's members. */
import type { Condition, KubeObject } from "@selvedge/apimachinery";
import {
  atomic,
  byKeys,
  int64,
  kindMessage,
  type Message,
  mapAtomic,
  message,
  needed,
  object,
  objects,
  pointer,
  text,
  time,
} from "../fields.ts";
import { type MatchResources, matchResources } from "./match-fields.ts";
import { type MatchCondition, matchCondition } from "./rule-fields.ts";

/** What writes must be like, where a binding says so. */
export interface ValidatingAdmissionPolicy extends KubeObject {
  apiVersion: "admissionregistration.k8s.io/v1";
  kind: "ValidatingAdmissionPolicy";
  spec: ValidatingAdmissionPolicySpec;
  status?: {
    observedGeneration?: number;
    /** There once the expressions were checked. */
    typeChecking?: { expressionWarnings?: ExpressionWarning[] };
    conditions?: Condition[];
  };
}

export interface ValidatingAdmissionPolicySpec {
  paramKind?: ParamKind;
  matchConstraints?: MatchResources;
  validations?: Validation[];
  failurePolicy?: string;
  auditAnnotations?: AuditAnnotation[];
  matchConditions?: MatchCondition[];
  variables?: Variable[];
}

export interface ParamKind {
  apiVersion?: string;
  kind?: string;
}

export interface Validation {
  expression: string;
  message?: string;
  reason?: string;
  messageExpression?: string;
}

export interface AuditAnnotation {
  key: string;
  valueExpression: string;
}

export interface Variable {
  name: string;
  expression: string;
}

export interface ExpressionWarning {
  fieldRef: string;
  warning: string;
}

const paramKind: Message = message(
  "A kind whose objects tell policies more.",
  { apiVersion: text(1, "Its group and version."), kind: text(2, "What it is called.") },
  mapAtomic,
);

const validation: Message = message("What must be so.", {
  expression: text(
    1,
    "True or false, in CEL, of object, oldObject, request, params, namespaceObject, variables and authorizer.",
    needed,
  ),
  message: text(2, "What to say when it is not. One line."),
  reason: text(
    3,
    "The reason of the refusal: Invalid, Forbidden or RequestEntityTooLarge. Invalid when not said.",
    pointer,
  ),
  messageExpression: text(4, "The same in CEL; instead of the message where it comes to something."),
});

const auditAnnotation: Message = message("A word for the audit log.", {
  key: text(1, "What it is called, after the policy's name.", needed),
  valueExpression: text(2, "What it says, in CEL: a text, or null for nothing.", needed),
});

const variable: Message = message(
  "A name for an expression.",
  {
    name: text(1, "What other expressions call it: variables.<name>.", needed),
    expression: text(2, "What it is, in CEL; of variables before it, too.", needed),
  },
  mapAtomic,
);

const policySpec: Message = message("What writes must be like.", {
  paramKind: object(1, paramKind, "The kind of params, if there are any.", pointer),
  matchConstraints: object(2, matchResources, "Which writes it is about.", pointer),
  validations: objects(3, validation, "What must be so; all of them.", atomic),
  failurePolicy: text(
    4,
    "What it means when an expression comes to nothing: Fail or Ignore. Fail when not said.",
    pointer,
  ),
  auditAnnotations: objects(5, auditAnnotation, "Words for the audit log.", atomic),
  matchConditions: objects(6, matchCondition, "What writes must be like to be asked about.", byKeys("name")),
  variables: objects(7, variable, "Names for expressions, each evaluated once if at all.", byKeys("name")),
});

const expressionWarning: Message = message("An expression whose types do not fit.", {
  fieldRef: text(2, "Where it is.", needed),
  warning: text(3, "What does not fit, by each kind that it was checked against.", needed),
});

const typeChecking: Message = message("What came of checking expressions by their types.", {
  expressionWarnings: objects(1, expressionWarning, "Expressions whose types do not fit.", atomic),
});

const condition: Message = message("One thing that is true or not.", {
  type: text(1, "What.", needed),
  status: text(2, "True, False or Unknown.", needed),
  observedGeneration: int64(3, "Generation this is about."),
  lastTransitionTime: time(4, "Since when.", needed),
  reason: text(5, "Why, as one word.", needed),
  message: text(6, "Why, for people.", needed),
});

const policyStatus: Message = message("What was found out about it.", {
  observedGeneration: int64(1, "Generation this is about."),
  typeChecking: object(2, typeChecking, "What came of checking its expressions.", pointer),
  conditions: objects(3, condition, "What is true or not about it.", {
    ...{ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] },
  }),
});

export const policyMessage: Message = kindMessage("What writes must be like, where a binding says so.", {
  spec: object(2, policySpec, "What they must be like."),
  status: object(3, policyStatus, "What was found out about it."),
});
