import {
  dnsSubdomainFaults,
  type FieldError,
  type KindDefinition,
  type KubeObject,
  type LabelSelector,
} from "@selvedge/apimachinery";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { Faults } from "../faults.ts";
import {
  kindMessage,
  type Message,
  mapAtomic,
  message,
  object,
  pointer,
  set,
  text,
  texts,
} from "../fields.ts";
import { builtIn } from "../kind.ts";
import { labelSelector } from "../meta-fields.ts";
import { pathSegmentFaults } from "../rbac/policy-rule.ts";
import { checkMatch, defaultMatch, type MatchResources, matchResources } from "./match-fields.ts";

/** Where a policy holds, and what is done with what is not as it says. */
export interface ValidatingAdmissionPolicyBinding extends KubeObject {
  apiVersion: "admissionregistration.k8s.io/v1";
  kind: "ValidatingAdmissionPolicyBinding";
  spec: {
    policyName?: string;
    paramRef?: ParamRef;
    matchResources?: MatchResources;
    validationActions?: string[];
  };
}

export interface ParamRef {
  name?: string;
  namespace?: string;
  selector?: LabelSelector;
  parameterNotFoundAction?: string;
}

const paramRef: Message = message(
  "Objects that tell a policy more.",
  {
    name: text(1, "The name of one."),
    namespace: text(2, "Their namespace; that of the object that is written when not said."),
    selector: object(3, labelSelector, "Labels of several: the policy is asked with each.", pointer),
    parameterNotFoundAction: text(4, "What it means that there are none: Allow or Deny.", pointer),
  },
  mapAtomic,
);

const bindingSpec: Message = message("Where a policy holds.", {
  policyName: text(1, "The policy."),
  paramRef: object(2, paramRef, "Its params.", pointer),
  matchResources: object(3, matchResources, "Which of the writes that the policy is about.", pointer),
  validationActions: texts(
    4,
    "What is done with what is not as the policy says: Deny, Warn, Audit; Deny and Warn not both.",
    set,
  ),
});

const binding: Message = kindMessage("Where a policy holds, and what is done with what is not as it says.", {
  spec: object(2, bindingSpec, "Where it holds."),
});

export const validatingAdmissionPolicyBindingKind: KindDefinition = builtIn(binding, {
  group: "admissionregistration.k8s.io",
  version: "v1",
  kind: "ValidatingAdmissionPolicyBinding",
  plural: "validatingadmissionpolicybindings",
  singular: "validatingadmissionpolicybinding",
  categories: ["api-extensions"],
  namespaced: false,
  unconditionalUpdate: false,
  applyDefaults: (object) => {
    const one = object as ValidatingAdmissionPolicyBinding;
    one.spec ??= {};
    defaultMatch(one.spec.matchResources);
  },
  validate: (object) => validate(object as ValidatingAdmissionPolicyBinding),
  columns: [
    nameColumn,
    column<ValidatingAdmissionPolicyBinding>(
      "PolicyName",
      "The policy.",
      ({ spec: { policyName = "" } }) => policyName,
    ),
    column<ValidatingAdmissionPolicyBinding>("ParamRef", "Its params.", ({ spec }) =>
      paramText(spec.paramRef),
    ),
    ageColumn,
  ],
});

function paramText(ref: ParamRef | undefined): string {
  if (ref?.name) return `${ref.namespace || "*"}/${ref.name}`;
  if (ref?.selector === undefined) return "<unset>";
  // As Go prints one.
  const { matchLabels = {}, matchExpressions = [] } = ref.selector;
  const labels = Object.keys(matchLabels).sort();
  const equal = labels.map((key) => `${key}: ${matchLabels[key]},`).join("");
  const others = matchExpressions.map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(" ")}],},`,
  );
  const requirements = `[]LabelSelectorRequirement{${others.join("")}}`;
  return `&LabelSelector{MatchLabels:map[string]string{${equal}},MatchExpressions:${requirements},}`;
}

const actions = ["Audit", "Deny", "Warn"];

function validate({ spec }: ValidatingAdmissionPolicyBinding): FieldError[] {
  const faults = new Faults();
  const { policyName = "", paramRef: ref, matchResources: match, validationActions = [] } = spec;
  if (policyName === "") faults.required("spec.policyName");
  else faults.all("spec.policyName", policyName, dnsSubdomainFaults(policyName));
  if (ref !== undefined) checkParamRef(faults, ref);
  // Spelled as upstream spells it.
  if (match !== undefined) checkMatch(faults, "spec.matchResouces", match);
  for (const [index, action] of validationActions.entries()) {
    faults.oneOf(`spec.validationActions[${index}]`, action, actions);
    if (validationActions.indexOf(action) < index)
      faults.duplicate(`spec.validationActions[${index}]`, action);
  }
  if (validationActions.includes("Deny") && validationActions.includes("Warn")) {
    const why =
      "repeating the same validation failure information in the API response and headers serves no purpose";
    faults.invalid(
      "spec.validationActions",
      validationActions,
      `must not contain both Deny and Warn (${why})`,
    );
  }
  if (validationActions.length === 0)
    faults.required("spec.validationActions", "at least one validation action is required");
  return faults.errors;
}

function checkParamRef(faults: Faults, ref: ParamRef): void {
  const at = "spec.paramRef";
  const { name = "", selector, parameterNotFoundAction: action } = ref;
  const exclusive = "name and selector are mutually exclusive";
  if (name !== "") {
    faults.all(`${at}.name`, name, pathSegmentFaults(name));
    if (selector !== undefined) faults.forbidden(`${at}.name`, exclusive);
  }
  if (selector !== undefined) {
    faults.selector(`${at}.selector`, selector);
    if (name !== "") faults.forbidden(`${at}.selector`, exclusive);
  }
  if (name === "" && selector === undefined) faults.required(at, "one of name or selector must be specified");
  if (!action) faults.required(`${at}.parameterNotFoundAction`);
  else faults.oneOf(`${at}.parameterNotFoundAction`, action, ["Deny", "Allow"]);
}
