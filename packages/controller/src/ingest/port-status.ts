/** What a device says of its ports, the devices it lends, and its certificates. Pure. */
import { toRfc3339 } from "@selvedge/base";
import { bondInfo, certInfo, devmodelCommon, type info, netCommon, pnacInfo } from "@selvedge/eve-api";
import {
  type CellularStatus,
  type CertificateStatus,
  type DeviceStatus,
  deviceResource,
  type EdgeNodeDevice,
  type EdgeNodeStatus,
  lentGroups,
  type PortStatus,
} from "@selvedge/kinds";
import { errorText } from "./error-text.ts";
import { timestampOfNode } from "./node-time.ts";

/** More than a box has; a status is read as a whole. */
const portsMax = 64;
const devicesMax = 128;
const certificatesMax = 16;
const namesMax = 16;
const textMax = 256;

const churned = bondInfo.BondLACPChurnState.BOND_LACP_CHURN_STATE_CHURNED;

type Part = Pick<EdgeNodeStatus, "ports" | "devices" | "certificates">;
type Port = info.DevicePort;

/** What the report says; of what it leaves out nothing. */
export function partsOf(device: info.ZInfoDevice): Part {
  const { systemAdapter, assignableAdapters: bundles, enrolledCerts: certificates } = device;
  const ports = systemAdapter?.status[systemAdapter.currentIndex]?.ports ?? [];
  return {
    ...(ports.length > 0 && { ports: ports.slice(0, portsMax).map((port) => portOf(port, device)) }),
    ...(bundles.length > 0 && { devices: bundles.slice(0, devicesMax).flatMap(deviceOf) }),
    ...(certificates.length > 0 && {
      certificates: certificates.slice(0, certificatesMax).map(certificateOf),
    }),
  };
}

/** Groups of a node's devices as Kubernetes counts them: what is there, and what of it can be had. */
export function deviceAmounts(
  devices: readonly EdgeNodeDevice[],
  { assignableAdapters }: info.ZInfoDevice,
): { readonly capacity: Record<string, string>; readonly allocatable: Record<string, string> } {
  const groups = [...new Set(devices.flatMap(lentGroups))].sort();
  const canBeHad = (group: string): boolean => {
    const said = assignableAdapters.find(({ name }) => name === group);
    // A device that says nothing of it has not looked yet.
    return said !== undefined && !said.usedByBaseOS && errorText(said.err) === "";
  };
  const amounts = (of: (group: string) => boolean): Record<string, string> =>
    Object.fromEntries(groups.map((group) => [`${deviceResource}${group}`, of(group) ? "1" : "0"]));
  return { capacity: amounts(() => true), allocatable: amounts(canBeHad) };
}

function portOf(port: Port, device: info.ZInfoDevice): PortStatus {
  const { name, ifname, isMgmt: uplink, up, macAddr, IPAddrs, err, bondStatus, pnacStatus } = port;
  const cellular = cellularOf(port, device);
  return {
    ...{ name: cut(name || ifname), uplink, up },
    ...said({ interface: ifname, mac: macAddr, error: errorText(err) }),
    ...(IPAddrs.length > 0 && { addresses: names(IPAddrs) }),
    ...(bondStatus !== undefined && { bond: bondOf(bondStatus) }),
    ...(pnacStatus?.enabled === true && { authentication: authenticationOf(pnacStatus) }),
    ...(cellular !== undefined && { cellular }),
  };
}

function bondOf(bond: NonNullable<Port["bondStatus"]>): NonNullable<PortStatus["bond"]> {
  const { mode, activeMember: active, lacp, members } = bond;
  const text = word(netCommon.BondMode, mode, "BOND_MODE_").toLowerCase().replaceAll("_", "-");
  return {
    ...said({ mode: text.replace("802-3ad", "802.3ad"), active, partner: lacp?.partnerMac ?? "" }),
    cards: members.slice(0, namesMax).map(({ logicallabel, miiUp, lacp: own }) => ({
      ...{ name: cut(logicallabel), up: miiUp },
      ...(own && lacp && { bundled: isBundled(own, lacp.activeAggregatorId) }),
    })),
  };
}

/** A card at a port of the switch that is in no group, or another, is up as well. */
function isBundled(own: bondInfo.BondMemberLACPStatus, active: number): boolean {
  const { aggregatorId, actorChurnState, partnerChurnState } = own;
  return (
    active > 0 && aggregatorId === active && actorChurnState !== churned && partnerChurnState !== churned
  );
}

function authenticationOf(pnac: NonNullable<Port["pnacStatus"]>): NonNullable<PortStatus["authentication"]> {
  const since = timestampOfNode(pnac.lastAuthTimestamp);
  return {
    state: camel(word(pnacInfo.SupplicantState, pnac.state, "SUPPLICANT_STATE_")),
    ...(since !== undefined && { since: toRfc3339(since) }),
    ...said({ error: errorText(pnac.err) }),
  };
}

function cellularOf(
  { wirelessStatus }: Port,
  { cellRadios, sims }: info.ZInfoDevice,
): CellularStatus | undefined {
  const cellular = wirelessStatus?.cellular;
  if (cellular === undefined) return undefined;
  const { cellularModule, simCards, providers, currentRats, bearers, configError, probeError } = cellular;
  const modem = cellRadios.find(({ name }) => name === cellularModule);
  const provider = providers.find(({ currentServing }) => currentServing);
  const failed = bearers.map(({ connectionError }) => connectionError);
  const cards = sims.filter(({ name }) => simCards.includes(name));
  const technologies = currentRats.map((rat) =>
    word(netCommon.RadioAccessTechnology, rat, "RADIO_ACCESS_TECHNOLOGY_"),
  );
  return {
    ...said({
      modem: modem === undefined ? cellularModule : `${modem.manufacturer} ${modem.model}`.trim(),
      provider: provider?.description || (provider?.plmn ?? ""),
      error: [configError, probeError, ...failed].filter((text) => text !== "").join("; "),
    }),
    ...(provider !== undefined && { roaming: provider.roaming }),
    ...(technologies.length > 0 && { technologies: names(technologies) }),
    ...(bearers.length > 0 && { connected: bearers.some(({ connected }) => connected) }),
    ...(cards.length > 0 && {
      sims: cards.slice(0, namesMax).map(({ slotNumber, iccid, state, slotActivated }) => ({
        ...(slotNumber > 0 && { slot: slotNumber }),
        ...{ active: slotActivated, ...said({ iccid, state }) },
      })),
    }),
  };
}

function deviceOf(bundle: info.ZioBundle): DeviceStatus[] {
  const { type, name, members, ioAddressList, usedByAppUUID, usedByBaseOS, err } = bundle;
  const cards = ioAddressList.filter(({ macAddress }) => macAddress !== "").slice(0, namesMax);
  // What the box uses itself is nobody's to have, and its ports are told as such; but of a card that is parted
  // it says there why apps do not find its functions.
  const parted = type === devmodelCommon.PhyIoType.PhyIoNetEthPF && errorText(err) !== "";
  if ((usedByBaseOS && !parted) || name === "") return [];
  return [
    {
      group: cut(name),
      ...(members.length > 0 && { members: names(members) }),
      ...(cards.length > 0 && { addresses: cards.map(cardOf) }),
      ...said({ app: usedByAppUUID, error: errorText(err) }),
    },
  ];
}

function cardOf({ macAddress, vfInfo }: info.IoAddresses): NonNullable<DeviceStatus["addresses"]>[number] {
  const { index = 0, vlanId: vlan = 0 } = vfInfo ?? {};
  // A function of a card has a number of 16 bits (SR-IOV), a VLAN one of 12.
  const isFunction = vfInfo !== undefined && index <= 0xffff;
  return {
    mac: cut(macAddress),
    ...(isFunction && { function: index }),
    ...(vlan > 0 && vlan < 0xfff && { vlan }),
  };
}

function certificateOf(certificate: info.ZInfoDevice["enrolledCerts"][number]): CertificateStatus {
  const { subject, issuer, issueTimestamp, expirationTimestamp, sha256Fingerprint, err } = certificate;
  const [issued, expires] = [issueTimestamp, expirationTimestamp].map(timestampOfNode);
  return {
    scepProfile: cut(certificate.certEnrollmentProfileName),
    state: camel(word(certInfo.CertStatus, certificate.status, "CERT_STATUS_")),
    ...said({ subject: nameOf(subject), issuer: nameOf(issuer) }),
    ...(issued !== undefined && { issued: toRfc3339(issued) }),
    ...(expires !== undefined && { expires: toRfc3339(expires) }),
    ...said({ fingerprint: sha256Fingerprint, error: errorText(err) }),
  };
}

function nameOf(name: info.ZInfoDevice["enrolledCerts"][number]["subject"]): string {
  if (name === undefined) return "";
  const { commonName, organization, organizationalUnit, country } = name;
  const parts = [
    ...[commonName].map((text) => ["CN", text] as const),
    ...organizationalUnit.map((text) => ["OU", text] as const),
    ...organization.map((text) => ["O", text] as const),
    ...country.map((text) => ["C", text] as const),
  ];
  return parts.flatMap(([key, text]) => (text === "" ? [] : [`${key}=${text}`])).join(",");
}

function names(list: readonly string[]): string[] {
  return list.slice(0, namesMax).map(cut);
}

function said<T extends Readonly<Record<string, string>>>(all: T): Partial<T> {
  const some = Object.entries(all).filter(([, text]) => text !== "");
  return Object.fromEntries(some.map(([key, text]) => [key, cut(text)])) as Partial<T>;
}

function cut(text: string): string {
  return text.slice(0, textMax);
}

/** An enum's word without what all of them begin with. */
function word(names: Readonly<Record<string, number>>, value: number, prefix: string): string {
  const [found] = Object.entries(names).find(([, number]) => number === value) ?? [`${value}`];
  return found.replace(prefix, "");
}

function camel(name: string): string {
  return name.toLowerCase().replaceAll(/(?:^|_)([a-z])/g, (_whole, letter: string) => letter.toUpperCase());
}
