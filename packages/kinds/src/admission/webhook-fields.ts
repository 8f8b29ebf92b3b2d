import type { LabelSelector } from "@selvedge/apimachinery";
import {
  atomic,
  byKeys,
  int32,
  type Member,
  type Message,
  message,
  needed,
  object,
  objects,
  pointer,
  text,
  texts,
} from "../fields.ts";
import { labelSelector } from "../meta-fields.ts";
import { type MatchCondition, matchCondition, type ResourceRule, ruleWithOperations } from "./rule-fields.ts";

export interface ServiceReference {
  namespace: string;
  name: string;
  path?: string;
  port?: number;
}

export interface WebhookClientConfig {
  url?: string;
  service?: ServiceReference;
  /** PEM, in base64. */
  caBundle?: string;
}

export interface Webhook {
  name: string;
  clientConfig?: WebhookClientConfig;
  rules?: ResourceRule[];
  failurePolicy?: string;
  matchPolicy?: string;
  namespaceSelector?: LabelSelector;
  objectSelector?: LabelSelector;
  sideEffects?: string;
  timeoutSeconds?: number;
  admissionReviewVersions?: string[];
  matchConditions?: MatchCondition[];
  /** Of mutating webhooks. */
  reinvocationPolicy?: string;
}

const service: Message = message("A Service that answers.", {
  namespace: text(1, "Its namespace.", needed),
  name: text(2, "Its name.", needed),
  path: text(3, "The path that is asked.", pointer),
  port: int32(4, "The port of the Service that is asked. 443 when not said.", pointer),
});

const caBundle: Member = {
  number: 2,
  schema: {
    ...{ type: "string", format: "byte" },
    description: "PEM of who may have signed its certificate. Whom the server trusts, when not said.",
  },
  wire: { type: "bytes" },
  needed: false,
};

const clientConfig: Message = message("Who is asked: an address or a Service.", {
  service: object(1, service, "A Service that answers.", pointer),
  caBundle,
  url: text(3, "Its address: https://host[:port][/path].", pointer),
});

/** The number of `objectSelector` differs, and so does that of what follows. */
export function webhookFields(selectorAt: number): Record<string, Member> {
  return {
    name: text(1, "What it is called: a domain of at least three segments.", needed),
    clientConfig: object(2, clientConfig, "Who is asked: an address or a Service.", needed),
    rules: objects(3, ruleWithOperations, "What it is asked about; any of them.", atomic),
    failurePolicy: text(4, "What its silence means: Fail or Ignore. Fail when not said.", pointer),
    namespaceSelector: object(
      5,
      labelSelector,
      "Labels of namespaces whose objects it is asked about.",
      pointer,
    ),
    sideEffects: text(6, "What its answers do besides: None or NoneOnDryRun.", { ...needed, ...pointer }),
    timeoutSeconds: int32(7, "How long it has to answer, 1 to 30. 10 when not said.", pointer),
    admissionReviewVersions: texts(
      8,
      "Versions of the question it knows, the best first: v1.",
      atomic,
      needed,
    ),
    matchPolicy: text(9, "Exact, or Equivalent: in other versions, too. Equivalent when not said.", pointer),
    objectSelector: object(selectorAt, labelSelector, "Labels of objects it is asked about.", pointer),
    matchConditions: objects(
      selectorAt + 1,
      matchCondition,
      "What requests must be like besides; all of them.",
      byKeys("name"),
    ),
  };
}
