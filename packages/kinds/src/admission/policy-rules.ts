/** What is wrong with a policy, with upstream's paths and words. Pure. */
import {
  AdmissionCompiler,
  dns1035LabelFaults,
  dnsSubdomainFaults,
  type Expression,
  type FieldError,
} from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { Faults } from "../faults.ts";
import { checkMatch } from "./match-fields.ts";
import type {
  AuditAnnotation,
  ParamKind,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicySpec,
  Validation,
  Variable,
} from "./policy-fields.ts";
import { checkConditions } from "./rule-fields.ts";

/** Upstream's. */
const annotationsMax = 20;
const valueExpressionMax = 5 * 1024;
const reasons = ["Forbidden", "Invalid", "RequestEntityTooLarge"];

export function checkPolicy(
  { metadata, spec, status }: ValidatingAdmissionPolicy,
  old: ValidatingAdmissionPolicy | undefined,
  subresource: string | undefined,
): FieldError[] {
  const faults = new Faults();
  if (subresource === "status") checkStatus(faults, status);
  else if (spec !== old?.spec) new PolicyCheck(faults, metadata.name, spec).check(old?.spec);
  return faults.errors;
}

class PolicyCheck {
  readonly #faults: Faults;
  readonly #name: string;
  readonly #spec: ValidatingAdmissionPolicySpec;
  readonly #compiler: AdmissionCompiler;

  constructor(faults: Faults, name: string, spec: ValidatingAdmissionPolicySpec) {
    this.#faults = faults;
    this.#name = name;
    this.#spec = spec;
    this.#compiler = new AdmissionCompiler({ params: spec.paramKind !== undefined });
  }

  check(old: ValidatingAdmissionPolicySpec | undefined): void {
    const { failurePolicy, paramKind, matchConstraints, matchConditions, variables = [] } = this.#spec;
    const { validations = [], auditAnnotations = [] } = this.#spec;
    const faults = this.#faults;
    faults.oneOf("spec.failurePolicy", failurePolicy, ["Fail", "Ignore"]);
    if (paramKind !== undefined) checkParamKind(faults, paramKind);
    if (matchConstraints === undefined) faults.required("spec.matchConstraints");
    else {
      checkMatch(faults, "spec.matchConstraints", matchConstraints);
      if ((matchConstraints.resourceRules ?? []).length === 0)
        faults.required("spec.matchConstraints.resourceRules");
    }
    const asBefore =
      old !== undefined &&
      jsonEqual(paramKind, old.paramKind) &&
      jsonEqual(matchConditions, old.matchConditions);
    // Variables are not known yet: conditions have none.
    if (!asBefore) checkConditions(faults, "spec.matchConditions", matchConditions, this.#compiler);
    for (const [index, one] of variables.entries()) this.#variable(`spec.variables[${index}]`, one);
    if (validations.length === 0 && auditAnnotations.length === 0) {
      const detail = "validations or auditAnnotations must contain at least one item";
      faults.required("spec.validations", detail);
      faults.required("spec.auditAnnotations", detail);
      return;
    }
    for (const [index, one] of validations.entries()) this.#validation(`spec.validations[${index}]`, one);
    this.#annotations(auditAnnotations);
  }

  #compiled(at: string, { fault, source }: Expression): void {
    if (fault !== undefined) this.#faults.invalid(at, source, fault);
  }

  #variable(at: string, { name = "", expression = "" }: Variable): void {
    if (name.trim() === "") this.#faults.required(`${at}.name`, "name is not specified");
    else if (!isIdentifier(name)) this.#faults.invalid(`${at}.name`, name, "must be a valid CEL identifier");
    if (expression.trim() === "") this.#faults.required(`${at}.expression`, "expression is not specified");
    else this.#compiled(`${at}.expression`, this.#compiler.variable(name, expression).expression);
  }

  #validation(
    at: string,
    { expression = "", message = "", messageExpression = "", reason }: Validation,
  ): void {
    const faults = this.#faults;
    if (expression.trim() === "") faults.required(`${at}.expression`, "expression is not specified");
    else this.#compiled(`${at}.expression`, this.#compiler.compile(expression, "bool"));
    const detail = "must be non-empty if specified";
    if (messageExpression !== "") {
      const field = `${at}.messageExpression`;
      if (messageExpression.trim() === "") faults.invalid(field, messageExpression, detail);
      else this.#compiled(field, this.#compiler.compile(messageExpression, "string", false));
    }
    if (message !== "" && message.trim() === "") faults.invalid(`${at}.message`, message, detail);
    else if (/[\n\r]/.test(message.trim()))
      faults.invalid(`${at}.message`, message, "must not contain line breaks");
    if (reason !== undefined) faults.oneOf(`${at}.reason`, reason, reasons);
  }

  #annotations(annotations: readonly AuditAnnotation[]): void {
    if (annotations.length > annotationsMax) {
      const detail = `must not have more than ${annotationsMax} auditAnnotations`;
      this.#faults.invalid("spec.auditAnnotations", annotations, detail);
    }
    const keys = new Set<string>();
    for (const [index, one] of annotations.entries()) {
      const at = `spec.auditAnnotations[${index}]`;
      this.#annotation(at, one);
      if (keys.has(one.key)) this.#faults.duplicate(`${at}.key`, one.key);
      keys.add(one.key);
    }
  }

  #annotation(at: string, { key = "", valueExpression = "" }: AuditAnnotation): void {
    const faults = this.#faults;
    faults.key(`${at}.key`, `${this.#name}/${key}`);
    const source = valueExpression.trim();
    const field = `${at}.valueExpression`;
    if (source === "") faults.required(field, "valueExpression is not specified");
    else if (new TextEncoder().encode(source).length > valueExpressionMax)
      faults.required(field, `must not exceed ${valueExpressionMax} bytes in length`);
    else {
      const { fault } = this.#compiler.compile(source, "string or null");
      if (fault !== undefined) faults.invalid(field, valueExpression, fault);
    }
  }
}

function checkParamKind(faults: Faults, { apiVersion = "", kind = "" }: ParamKind): void {
  const field = "spec.paramKind.apiVersion";
  const [group = "", version = "", ...more] = apiVersion.includes("/")
    ? apiVersion.split("/")
    : ["", apiVersion];
  if (apiVersion === "") faults.required(field);
  else if (more.length > 0)
    faults.invalid(field, apiVersion, `unexpected GroupVersion string: ${apiVersion}`);
  else {
    const wrong = group === "" ? [] : dnsSubdomainFaults(group);
    if (wrong.length > 0) faults.invalid(field, group, wrong.join(","));
    const odd = dns1035LabelFaults(version);
    if (version === "") faults.invalid(field, apiVersion, "version must be specified");
    else if (odd.length > 0) faults.invalid(field, version, odd.join(","));
  }
  if (kind === "") faults.required("spec.paramKind.kind");
  else {
    const odd = dns1035LabelFaults(kind.toLowerCase());
    const detail = `may have mixed case, but should otherwise match: ${odd.join(",")}`;
    if (odd.length > 0) faults.invalid("spec.paramKind.kind", kind, detail);
  }
}

function checkStatus(faults: Faults, status: ValidatingAdmissionPolicy["status"]): void {
  for (const [index, { fieldRef, warning }] of (status?.typeChecking?.expressionWarnings ?? []).entries()) {
    const at = `status.typeChecking.expressionWarnings[${index}]`;
    if (!warning) faults.required(`${at}.warning`);
    if (!fieldRef?.trim()) faults.required(`${at}.fieldRef`);
  }
}

const reserved = new Set([
  ...["true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if"],
  ...["import", "let", "loop", "package", "namespace", "return", "var", "void", "while"],
]);

function isIdentifier(name: string): boolean {
  return /^[_a-zA-Z]\w*$/.test(name) && !reserved.has(name);
}
