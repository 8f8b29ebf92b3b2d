/** EdgeNode.spec.devices: what of a box apps may have for themselves. */
import { parseQuantity, type Schema } from "@selvedge/apimachinery";
import { objectOf, textOf } from "../edge-schemas.ts";
import type { Faults } from "../faults.ts";

/** One device. Those of one group go to an app together, or to none. */
export interface EdgeNodeDevice {
  name: string;
  /** Apps ask for `selvedge.dev/GROUP`; its own name when unset. */
  group?: string;
  kind?: DeviceKind;
  /** Where it is, said in exactly one way. */
  pci?: string;
  usb?: string;
  usbProduct?: string;
  serial?: string;
  interface?: string;
  /** Of a network card: it stays the box's, and apps have these functions of it, in the order of their numbers. */
  functions?: CardFunction[];
}

/** What a card lets a function be; its driver's own address and no VLAN when unset. */
export interface CardFunction {
  mac?: string;
  vlan?: number;
}

export type DeviceKind =
  | "Audio"
  | "CAN"
  | "Display"
  | "NVMe"
  | "Network"
  | "Other"
  | "SATA"
  | "Serial"
  | "USBController"
  | "USBDevice";

const kinds: DeviceKind[] = [
  ...(["Network", "Audio", "Display", "NVMe", "SATA", "USBController", "USBDevice"] as const),
  ...(["Serial", "CAN", "Other"] as const),
];

/** What Kubernetes calls a group of devices, before its name. */
export const deviceResource: string = "selvedge.dev/";

/** Whether some nodes have a number of a resource: a group of devices, or what somebody counts on a Node. */
export function isExtendedResource(name: string): boolean {
  return name.includes("/") && !name.includes("kubernetes.io/");
}

/** The groups that a container asks for. */
export function deviceGroups(limits: Readonly<Record<string, string>> = {}): string[] {
  return Object.keys(limits).flatMap((name) =>
    name.startsWith(deviceResource) && parseQuantity(limits[name] ?? "0") !== 0n
      ? [name.slice(deviceResource.length)]
      : [],
  );
}

export function groupOf({ name, group = name }: EdgeNodeDevice): string {
  return group;
}

/** What apps may ask for of it: its group, or the group of each of its functions, as EVE names them. */
export function lentGroups(device: EdgeNodeDevice): string[] {
  const group = groupOf(device);
  return device.functions?.map((_function, index) => `${group}vf${index}`) ?? [group];
}

const devicesMax = 128;
const nameMax = 63;
const functionsMax = 64;
/** Of a group that the number of a function follows. */
const partedNameMax = nameMax - `vf${functionsMax}`.length;
const vlanMax = 4094;
/** Of one card: the first byte of what is many's is odd. */
const macPattern = "^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$";
/** A group is the name of a resource as well. */
const namePattern = "^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$";

const places = {
  pci: /^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/,
  usb: /^[1-9]\d{0,2}:[1-9]\d{0,2}(\.[1-9]\d{0,2}){0,5}$/,
  usbProduct: /^[0-9a-f]{4}:[0-9a-f]{4}$/,
  serial: /^\/dev\/tty[A-Za-z0-9]{1,32}$/,
  interface: /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/,
} as const;

const like: Readonly<Record<keyof typeof places, string>> = {
  ...{ pci: "0000:03:00.0", usb: "1:2.4", usbProduct: "0bda:5411", serial: "/dev/ttyS0", interface: "eth3" },
};

export const devicesSchema: Schema = {
  type: "array",
  description:
    "What of the box apps may have for themselves. An app asks for a group by the limit selvedge.dev/GROUP: 1 of " +
    "a container.",
  maxItems: devicesMax,
  "x-kubernetes-list-type": "map",
  "x-kubernetes-list-map-keys": ["name"],
  items: objectOf(
    "One device; where it is is said in exactly one way.",
    {
      name: textOf("What it is called here.", { minLength: 1, maxLength: nameMax, pattern: namePattern }),
      group: textOf("Those of one group go to an app together. Its name when not said.", {
        ...{ minLength: 1, maxLength: nameMax, pattern: namePattern },
      }),
      kind: textOf("What it is; made from where it is when not said.", { enum: [...kinds] }),
      pci: textOf(`Its address on the PCI bus, such as ${like.pci}.`),
      usb: textOf(`The USB bus and port it is plugged into, such as ${like.usb}.`),
      usbProduct: textOf(`Vendor and product of the USB device, such as ${like.usbProduct}.`),
      serial: textOf(`The serial port, such as ${like.serial}.`),
      interface: textOf(`The network card, as the box's Linux calls it, such as ${like.interface}.`),
      functions: {
        type: "array",
        description:
          "The network card is parted into so many functions (SR-IOV) and stays the box's; apps ask for " +
          "selvedge.dev/GROUPvf0, GROUPvf1 and so on.",
        minItems: 1,
        maxItems: functionsMax,
        "x-kubernetes-list-type": "atomic",
        items: objectOf("What the card lets the function be.", {
          mac: textOf("Its address; its driver makes one when not said.", { pattern: macPattern }),
          vlan: {
            type: "integer",
            description: "The VLAN that it is in; the app sees frames without its tag.",
            ...{ minimum: 1, maximum: vlanMax },
          },
        }),
      },
    },
    ["name"],
  ),
};

/** `taken` are names of ports and of what they are made of. */
export function deviceFaults(
  devices: readonly EdgeNodeDevice[] | undefined,
  taken: ReadonlySet<string>,
  faults: Faults,
): void {
  for (const [at, device] of (devices ?? []).entries()) {
    const field = `spec.devices[${at}]`;
    for (const member of ["name", "group", "interface"] as const) {
      const value = device[member];
      if (value !== undefined && taken.has(value))
        faults.invalid(`${field}.${member}`, value, "is of a port: apps get what no port is made of");
    }
    const said = (Object.keys(places) as (keyof typeof places)[]).filter(
      (place) => device[place] !== undefined,
    );
    const [place, second] = said;
    if (place === undefined) {
      faults.required(field, `say where it is: one of ${Object.keys(places).join(", ")}`);
    } else if (second !== undefined) {
      faults.forbidden(`${field}.${second}`, `a device is in one place: leave ${place} or this out`);
    } else if (!places[place].test(device[place] ?? "")) {
      faults.invalid(`${field}.${place}`, device[place], `must be like ${like[place]}`);
    }
    functionFaults(device, field, faults);
  }
}

function functionFaults(device: EdgeNodeDevice, field: string, faults: Faults): void {
  const { functions, kind = "Network", pci, interface: card } = device;
  if (functions === undefined) return;
  if (kind !== "Network" || (pci === undefined && card === undefined))
    faults.forbidden(`${field}.functions`, "only a network card, by pci or interface, can be parted");
  const group = groupOf(device);
  if (group.length > partedNameMax)
    faults.invalid(`${field}.group`, group, `may have ${partedNameMax} characters where there are functions`);
}
