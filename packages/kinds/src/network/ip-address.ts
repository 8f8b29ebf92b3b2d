import {
  dnsSubdomainFaults,
  type FieldError,
  type KindDefinition,
  type KubeObject,
} from "@selvedge/apimachinery";
import { jsonEqual } from "@selvedge/base";
import { column, nameColumn } from "../columns.ts";
import { Faults, immutable } from "../faults.ts";
import { kindMessage, type Message, message, object, pointer, text } from "../fields.ts";
import { builtIn } from "../kind.ts";
import { isAddress } from "./cidr.ts";

/** An address, and whose it is. Its name is the address. */
export interface IpAddress extends KubeObject {
  apiVersion: "networking.k8s.io/v1";
  kind: "IPAddress";
  spec: { parentRef?: AddressOwner };
}

interface AddressOwner {
  group?: string;
  resource?: string;
  namespace?: string;
  name?: string;
}

const owner: Message = message("An object.", {
  group: text(1, "Its group."),
  resource: text(2, "Its kind, in the plural."),
  namespace: text(3, "Its namespace."),
  name: text(4, "Its name."),
});

const addressSpec: Message = message("Whose it is.", {
  parentRef: object(1, owner, "Whose it is.", pointer),
});

const ipAddress: Message = kindMessage(
  "An address, and whose it is. Kept: the addresses of Services follow from their names.",
  { spec: object(2, addressSpec, "Whose it is.") },
);

export const ipAddressKind: KindDefinition = builtIn(ipAddress, {
  group: "networking.k8s.io",
  version: "v1",
  kind: "IPAddress",
  plural: "ipaddresses",
  singular: "ipaddress",
  shortNames: ["ip"],
  namespaced: false,
  hasGeneration: false,
  nameFaults: (name) => (isAddress(name) ? [] : [notAddress]),
  validate: (object, old) => validate(object as IpAddress, old as IpAddress | undefined),
  columns: [
    nameColumn,
    column<IpAddress>("ParentRef", "Whose it is.", ({ spec }) => {
      const { group = "", resource = "", namespace = "", name = "" } = spec?.parentRef ?? {};
      return [group, resource, namespace, name].filter((part) => part !== "").join("/");
    }),
  ],
});

const notAddress = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";

function validate({ spec }: IpAddress, old: IpAddress | undefined): FieldError[] {
  const faults = new Faults();
  const at = "spec.parentRef";
  const parent = spec?.parentRef;
  if (parent === undefined) faults.required(at);
  else {
    if (parent.group) faults.all(`${at}.group`, parent.group, dnsSubdomainFaults(parent.group));
    for (const part of ["resource", "name", "namespace"] as const) {
      const said = parent[part];
      if (said) faults.all(`${at}.${part}`, said, segmentFaults(said));
      else if (part !== "namespace") faults.required(`${at}.${part}`);
    }
  }
  if (old !== undefined && !jsonEqual(parent, old.spec?.parentRef)) {
    faults.invalid(at, parent ?? null, immutable);
  }
  return faults.errors;
}

/** A part of a path. */
function segmentFaults(text: string): string[] {
  if (text === "." || text === "..") return [`may not be '${text}'`];
  return ["/", "%"].filter((sign) => text.includes(sign)).map((sign) => `may not contain '${sign}'`);
}
