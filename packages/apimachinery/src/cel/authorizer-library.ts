/** What an expression can ask of whoever decides who may do what: `authorizer.group('').resource('pods')…`. */
import { dnsLabelFaults, dnsSubdomainFaults } from "../names.ts";
import type { FunctionTable } from "./overloads.ts";
import { EvaluationError, OpaqueValue } from "./values.ts";

/** What is asked, of whoever makes the request or of a ServiceAccount. */
export interface AccessQuestion {
  readonly account?: { readonly namespace: string; readonly name: string };
  readonly verb: string;
  /** Of what is no resource. */
  readonly path?: string;
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

export interface AccessDecision {
  readonly allowed: boolean;
  readonly reason: string;
  /** Empty: nothing went wrong. */
  readonly error: string;
}

/** May throw a PendingDecision. */
export type Decide = (question: AccessQuestion) => AccessDecision;

/** The answer takes a while: whoever evaluates gets it, and evaluates once more. */
export class PendingDecision extends Error {
  override name = "PendingDecision";
  readonly question: AccessQuestion;

  constructor(question: AccessQuestion) {
    super("a decision is not known yet");
    this.question = question;
  }
}

/** A question that is being put together. */
interface Asking {
  readonly decide: Decide;
  readonly question: Omit<AccessQuestion, "verb">;
}

export function authorizerValue(decide: Decide): OpaqueValue {
  return asking("Authorizer", { decide, question: {} });
}

/** `authorizer.requestResource`: what the request itself is about. */
export function resourceCheckValue(decide: Decide, question: Omit<AccessQuestion, "verb">): OpaqueValue {
  return asking("ResourceCheck", { decide, question });
}

function asking(type: string, value: Asking): OpaqueValue {
  return new OpaqueValue(`kubernetes.authorization.${type}`, value, (other) => other === value);
}

export function addAuthorizerLibrary(table: FunctionTable): void {
  const add = (
    signature: string,
    type: string,
    more: (...texts: readonly string[]) => Omit<AccessQuestion, "verb">,
  ): void =>
    table.add(signature, ({ value }: OpaqueValue, ...texts: string[]) => {
      const { decide, question } = value as Asking;
      return asking(type, { decide, question: { ...question, ...more(...texts) } });
    });
  add("authorizer.path(string) pathcheck", "PathCheck", (path = "") => ({ path: filled(path, "path") }));
  add("authorizer.group(string) groupcheck", "GroupCheck", (group = "") => ({ group }));
  add("authorizer.serviceAccount(string, string) authorizer", "Authorizer", (namespace = "", name = "") => {
    if (dnsSubdomainFaults(name).length > 0) throw new EvaluationError("Invalid service account name");
    if (dnsLabelFaults(namespace).length > 0) throw new EvaluationError("Invalid service account namespace");
    return { account: { namespace, name } };
  });
  add("groupcheck.resource(string) resourcecheck", "ResourceCheck", (resource = "") => ({
    resource: filled(resource, "resource"),
  }));
  const members = ["subresource", "namespace", "name", "fieldSelector", "labelSelector"] as const;
  for (const member of members) {
    add(`resourcecheck.${member}(string) resourcecheck`, "ResourceCheck", (text = "") => ({
      [member]: text,
    }));
  }
  for (const type of ["pathcheck", "resourcecheck"]) {
    table.add(`${type}.check(string) decision`, ({ value }: OpaqueValue, verb: string) => {
      const { decide, question } = value as Asking;
      const decision = decide({ ...question, verb });
      return new OpaqueValue("kubernetes.authorization.Decision", decision, (other) => other === decision);
    });
  }
  const decided = (read: (decision: AccessDecision) => unknown) => (value: OpaqueValue) =>
    read(value.value as AccessDecision);
  table.add(
    "decision.allowed() bool",
    decided(({ allowed }) => allowed),
  );
  table.add(
    "decision.reason() string",
    decided(({ reason }) => reason),
  );
  table.add(
    "decision.errored() bool",
    decided(({ error }) => error !== ""),
  );
  table.add(
    "decision.error() string",
    decided(({ error }) => error),
  );
}

function filled(text: string, what: string): string {
  if (text.trim() === "") throw new EvaluationError(`${what} must not be empty`);
  return text;
}
