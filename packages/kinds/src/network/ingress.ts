import type { FieldError, KindDefinition } from "@selvedge/apimachinery";
import { ageColumn, column, nameColumn } from "../columns.ts";
import {
  atomic,
  embedded,
  int32,
  kindMessage,
  type Message,
  mapAtomic,
  message,
  needed,
  object,
  objects,
  pointer,
  text,
  texts,
} from "../fields.ts";
import { builtIn } from "../kind.ts";
import { typedReference } from "../storage/claim-fields.ts";
import { validateIngress } from "./ingress-rules.ts";
import type { Ingress } from "./ingress-types.ts";

const servicePort: Message = message(
  "A port of a Service: its name or its number.",
  {
    name: text(1, "Its name."),
    number: int32(2, "Its number."),
  },
  mapAtomic,
);

const serviceBackend: Message = message("A port of a Service.", {
  name: text(1, "The Service.", needed),
  port: object(2, servicePort, "The port."),
});

const backend: Message = message("What answers: a Service, or an object of another kind.", {
  resource: object(3, typedReference, "An object of another kind.", pointer),
  service: object(4, serviceBackend, "A port of a Service.", pointer),
});

const path: Message = message("What answers for a path.", {
  path: text(1, "The path: absolute."),
  pathType: text(3, "How it is compared: Exact, Prefix or ImplementationSpecific.", {
    ...{ ...needed, ...pointer },
    enum: ["Exact", "ImplementationSpecific", "Prefix"],
  }),
  backend: object(2, backend, "What answers.", needed),
});

const http: Message = message("What answers for which paths.", {
  paths: objects(1, path, "The paths.", atomic, needed),
});

const ruleValue: Message = message("What answers.", {
  http: object(1, http, "What answers for which paths.", pointer),
});

const rule: Message = message("What answers for a host.", {
  host: text(1, "The host; one label may be a *. All when not said."),
  ingressRuleValue: embedded(2, ruleValue),
});

const tls: Message = message("A certificate.", {
  hosts: texts(1, "Hosts it is for.", atomic),
  secretName: text(2, "The Secret that holds it."),
});

const ingressSpec: Message = message("Which Services answer for which hosts and paths.", {
  ingressClassName: text(4, "Which IngressClass routes it.", pointer),
  defaultBackend: object(1, backend, "What answers where no rule fits.", pointer),
  tls: objects(2, tls, "Certificates.", atomic),
  rules: objects(3, rule, "What answers for which host.", atomic),
});

const portStatus: Message = message("A port.", {
  port: int32(1, "Its number.", { ...needed, default: 0 }),
  protocol: text(2, "TCP, UDP or SCTP.", { ...needed, default: "" }),
  error: text(3, "What is wrong with it.", pointer),
});

const address: Message = message("Where requests may be sent to.", {
  ip: text(1, "The address."),
  hostname: text(2, "The name."),
  ports: objects(4, portStatus, "Its ports.", atomic),
});

const loadBalancer: Message = message("Where requests may be sent to.", {
  ingress: objects(1, address, "The addresses.", atomic),
});

const ingressStatus: Message = message("How it is.", {
  loadBalancer: object(1, loadBalancer, "Where requests may be sent to, as whoever routes says."),
});

const ingress: Message = kindMessage("Which Services answer for which hosts and paths. Kept, not routed.", {
  spec: object(2, ingressSpec, "What is wanted."),
  status: object(3, ingressStatus, "How it is."),
});

export const ingressKind: KindDefinition = builtIn(ingress, {
  group: "networking.k8s.io",
  version: "v1",
  kind: "Ingress",
  plural: "ingresses",
  singular: "ingress",
  shortNames: ["ing"],
  namespaced: true,
  subresources: { status: true },
  applyDefaults: (object) => {
    (object as Ingress).spec ??= {};
    (object as Ingress).status ??= {};
    ((object as Ingress).status ?? {}).loadBalancer ??= {};
  },
  validate: (object, old): FieldError[] => validateIngress(object as Ingress, old as Ingress | undefined),
  columns: [
    nameColumn,
    column<Ingress>(
      "Class",
      "Which IngressClass routes it.",
      ({ spec }) => spec.ingressClassName ?? "<none>",
    ),
    column<Ingress>("Hosts", "The hosts.", hostsText),
    column<Ingress>("Address", "Where requests may be sent to.", ({ status }) => {
      const found = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || "");
      return [...new Set(found.filter(Boolean))].sort().join(",");
    }),
    column<Ingress>("Ports", "80, and 443 with certificates.", ({ spec }) =>
      spec.tls?.length ? "80, 443" : "80",
    ),
    ageColumn,
  ],
});

const hostsMax = 3;

function hostsText({ spec: { rules = [] } }: Ingress): string {
  const hosts = rules.flatMap(({ host }) => (host ? [host] : []));
  if (hosts.length === 0) return "*";
  const shown = hosts.slice(0, hostsMax).join(",");
  return hosts.length > hostsMax ? `${shown} + ${rules.length - hostsMax} more...` : shown;
}
