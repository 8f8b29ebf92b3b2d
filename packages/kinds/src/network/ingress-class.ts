import {
  dnsSubdomainFaults,
  type FieldError,
  type KindDefinition,
  type KubeObject,
} from "@selvedge/apimachinery";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { Faults, immutable } from "../faults.ts";
import { kindMessage, type Message, message, needed, object, pointer, text } from "../fields.ts";
import { builtIn } from "../kind.ts";
import { checkReference } from "./ingress-rules.ts";

/** Who routes Ingresses. */
export interface IngressClass extends KubeObject {
  apiVersion: "networking.k8s.io/v1";
  kind: "IngressClass";
  spec: { controller?: string; parameters?: ClassParameters };
}

interface ClassParameters {
  apiGroup?: string;
  kind: string;
  name: string;
  scope?: string;
  namespace?: string;
}

const parameters: Message = message("More that the controller needs to know.", {
  apiGroup: text(1, "The object's group.", pointer),
  kind: text(2, "The object's kind.", needed),
  name: text(3, "The object's name.", needed),
  scope: text(4, "Cluster or Namespace. Cluster when not said.", pointer),
  namespace: text(5, "The object's namespace.", pointer),
});

const classSpec: Message = message("Who routes.", {
  controller: text(1, "The controller: a domain and a path."),
  parameters: object(2, parameters, "More that the controller needs to know.", pointer),
});

const ingressClass: Message = kindMessage("Who routes Ingresses that name it.", {
  spec: object(2, classSpec, "Who routes."),
});

export const ingressClassKind: KindDefinition = builtIn(ingressClass, {
  group: "networking.k8s.io",
  version: "v1",
  kind: "IngressClass",
  plural: "ingressclasses",
  singular: "ingressclass",
  namespaced: false,
  applyDefaults: (object) => {
    const { spec } = object as IngressClass;
    if (spec?.parameters !== undefined) spec.parameters.scope ??= "Cluster";
  },
  validate: (object, old) => validate(object as IngressClass, old as IngressClass | undefined),
  columns: [
    nameColumn,
    column<IngressClass>("Controller", "Who routes.", ({ spec }) => spec?.controller ?? ""),
    column<IngressClass>("Parameters", "More that it needs to know.", ({ spec }) => {
      const { apiGroup, kind, name } = spec?.parameters ?? {};
      return kind === undefined ? "<none>" : `${kind}${apiGroup === undefined ? "" : `.${apiGroup}`}/${name}`;
    }),
    ageColumn,
  ],
});

const controllerMax = 250;

function validate(
  { spec: { controller = "", parameters: more } = {} }: IngressClass,
  old: IngressClass | undefined,
): FieldError[] {
  const faults = new Faults();
  if (old !== undefined && controller !== (old.spec?.controller ?? "")) {
    faults.invalid("spec.controller", controller, immutable);
  }
  if (controller.length > controllerMax) faults.tooLong("spec.controller", controllerMax);
  checkController(faults, controller);
  if (more === undefined) return faults.errors;
  const at = "spec.parameters";
  checkReference(faults, at, more);
  const { scope, namespace } = more;
  if (scope !== "Cluster" && scope !== "Namespace") {
    faults.oneOf(`${at}.scope`, scope, ["Cluster", "Namespace"]);
  } else if (scope === "Cluster" && namespace !== undefined) {
    faults.forbidden(`${at}.namespace`, "`parameters.scope` is set to 'Cluster'");
  } else if (scope === "Namespace") {
    if (namespace === undefined) {
      faults.required(`${at}.namespace`, "`parameters.scope` is set to 'Namespace'");
    } else faults.label(`${at}.namespace`, namespace);
  }
  return faults.errors;
}

const pathPattern = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";

function checkController(faults: Faults, controller: string): void {
  if (controller === "") {
    faults.required("spec.controller");
    return;
  }
  const slash = controller.indexOf("/");
  if (slash <= 0 || slash === controller.length - 1) {
    faults.invalid("spec.controller", controller, 'must be a domain-prefixed path (such as "acme.io/foo")');
    return;
  }
  const [host, path] = [controller.slice(0, slash), controller.slice(slash + 1)];
  faults.all("spec.controller", host, dnsSubdomainFaults(host));
  if (!new RegExp(`^${pathPattern}$`).test(path)) {
    faults.invalid("spec.controller", path, `Invalid path (regex used for validation is '${pathPattern}')`);
  }
}
