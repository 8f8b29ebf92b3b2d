/** EdgeNode.status.ports, .devices and .certificates: what a box says of its parts. */
import type { Schema } from "@selvedge/apimachinery";
import { objectOf, textOf, timeOf } from "../edge-schemas.ts";

export interface PortStatus {
  name: string;
  interface?: string;
  uplink?: boolean;
  up?: boolean;
  mac?: string;
  addresses?: string[];
  error?: string;
  bond?: {
    mode?: string;
    active?: string;
    partner?: string;
    cards?: { name: string; up: boolean; bundled?: boolean }[];
  };
  authentication?: { state: string; since?: string; error?: string };
  cellular?: CellularStatus;
}

export interface CellularStatus {
  modem?: string;
  provider?: string;
  roaming?: boolean;
  technologies?: string[];
  connected?: boolean;
  error?: string;
  sims?: { slot?: number; iccid?: string; state?: string; active?: boolean }[];
}

/** What is lent to apps. */
export interface DeviceStatus {
  group: string;
  members?: string[];
  /** Those of its network cards, and which function of its card one is. */
  addresses?: { mac: string; function?: number; vlan?: number }[];
  /** The UID of the app that has it. */
  app?: string;
  error?: string;
}

export interface CertificateStatus {
  scepProfile: string;
  state: string;
  subject?: string;
  issuer?: string;
  issued?: string;
  expires?: string;
  fingerprint?: string;
  error?: string;
}

const yes = (description: string): Schema => ({ type: "boolean", description });
const int32 = (description: string): Schema => ({ type: "integer", format: "int32", description });
const list = (description: string, items: Schema): Schema => ({ type: "array", description, items });
const texts = (description: string): Schema => list(description, { type: "string" });

export const portsStatusSchema: Schema = list(
  "Its ports, as they are.",
  objectOf(
    "A port.",
    {
      name: textOf("What it is called."),
      interface: textOf("What the box's Linux calls it."),
      uplink: yes("Whether the controller is reached through it."),
      up: yes("Whether it is connected."),
      mac: textOf("The card's address."),
      addresses: texts("Its addresses."),
      error: textOf("What is wrong with it."),
      bond: objectOf("How its cards share the work.", {
        mode: textOf("In which way."),
        active: textOf("The card in use, where one is."),
        partner: textOf("The address of the other end of an 802.3ad bond."),
        cards: list(
          "Its cards.",
          objectOf(
            "A card.",
            {
              name: textOf("Which."),
              up: yes("Whether it is connected."),
              bundled: yes("Of an 802.3ad bond: whether its switch has it among those that carry."),
            },
            ["name", "up"],
          ),
        ),
      }),
      authentication: objectOf(
        "Where it stands with its switch.",
        {
          state: textOf("Disconnected, Connecting, Authenticating, Authenticated, Failed or Held."),
          since: timeOf("When it last authenticated."),
          error: textOf("Why it does not."),
        },
        ["state"],
      ),
      cellular: objectOf("What its modem says.", {
        modem: textOf("Maker and model."),
        provider: textOf("Who serves it."),
        roaming: yes("Whether that is another's network."),
        technologies: texts("GSM, UMTS, LTE, 5GNR."),
        connected: yes("Whether it has a connection."),
        error: textOf("What is wrong."),
        sims: list(
          "Its SIM cards.",
          objectOf("A SIM card.", {
            slot: int32("In which slot."),
            iccid: textOf("The number printed on it."),
            state: textOf("How it is."),
            active: yes("Whether its slot is in use."),
          }),
        ),
      }),
    },
    ["name"],
  ),
);

export const devicesStatusSchema: Schema = list(
  "Groups of devices that apps may have.",
  objectOf(
    "A group.",
    {
      group: textOf("Its name."),
      members: texts("What is in it."),
      addresses: list(
        "What its network cards are known by.",
        objectOf(
          "A card, or a function of one.",
          {
            mac: textOf("Its address."),
            function: int32("Which function of its card it is, from 0 on; unset for a whole card."),
            vlan: int32("The VLAN it is in."),
          },
          ["mac"],
        ),
      ),
      app: textOf("The UID of the Pod that has it."),
      error: textOf("Why nobody can have it."),
    },
    ["group"],
  ),
);

export const certificatesStatusSchema: Schema = list(
  "Certificates it got by spec.scepProfiles.",
  objectOf(
    "A certificate.",
    {
      scepProfile: textOf("From where."),
      state: textOf("Available, Pending, RenewalPending, Expired, Revoked, EnrollmentFailed, …"),
      subject: textOf("Whose it is."),
      issuer: textOf("Who says so."),
      issued: timeOf("Since when it is good."),
      expires: timeOf("Until when."),
      fingerprint: textOf("SHA-256 of it."),
      error: textOf("Why there is none."),
    },
    ["scepProfile", "state"],
  ),
);
