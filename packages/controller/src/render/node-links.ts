/** What a box makes of its cards, and what of it apps may have: VLANs, bonds, devices. */
import { create } from "@bufbuild/protobuf";
import { bondModes, devcommon, devmodel, devmodelCommon, netCommon } from "@selvedge/eve-api";
import {
  bareCards,
  deviceGroups,
  deviceResource,
  type EdgeNode,
  type EdgeNodeDevice,
  type EdgeNodePort,
  groupOf,
  lentGroups,
  type Pod,
  type PortBond,
} from "@selvedge/kinds";
import { RenderError } from "./inputs.ts";

const { PhyIoType: Type, PhyIoMemberUsage: Usage } = devmodelCommon;
const { LacpRate } = netCommon;

/** A bond that does not look at its cards stays with a dead one. */
const carrierEveryMs = 100;

export function vlansOf(ports: readonly EdgeNodePort[]): devmodel.VlanAdapter[] {
  return ports.flatMap(({ name, interface: interfaceName = name, vlan }) =>
    vlan === undefined
      ? []
      : create(devmodel.VlanAdapterSchema, {
          ...{ logicallabel: name, interfaceName, lowerLayerName: vlan.parent, vlanId: vlan.id },
        }),
  );
}

export function bondsOf(ports: readonly EdgeNodePort[]): devmodel.BondAdapter[] {
  return ports.flatMap(({ name, interface: interfaceName = name, bond }) =>
    bond === undefined
      ? []
      : create(devmodel.BondAdapterSchema, {
          ...{ logicallabel: name, interfaceName, lowerLayerNames: [...bond.cards] },
          bondMode: bondModes[bond.mode ?? "active-backup"],
          lacpRate: bond.mode === "802.3ad" ? lacpRateOf(bond) : LacpRate.UNSPECIFIED,
          monitoring: monitoringOf(bond),
        }),
  );
}

function lacpRateOf({ lacpRate }: PortBond): netCommon.LacpRate {
  return lacpRate === "fast" ? LacpRate.FAST : LacpRate.SLOW;
}

function monitoringOf({ carrier = {}, arp }: PortBond): devmodel.BondAdapter["monitoring"] {
  if (arp !== undefined) {
    const value = { interval: arp.intervalMs, ipTargets: [...arp.targets] };
    return { case: "arp", value: create(devmodel.ArpMonitorSchema, value) };
  }
  const {
    intervalMs: interval = carrierEveryMs,
    upDelayMs: updelay = 0,
    downDelayMs: downdelay = 0,
  } = carrier;
  return { case: "mii", value: create(devmodel.MIIMonitorSchema, { interval, updelay, downdelay }) };
}

/** Cards that are only parts of VLANs and bonds: a device must know them to make anything of them. */
export function partsOfLinks(ports: readonly EdgeNodePort[]): devmodel.PhysicalIO[] {
  return [...bareCards(ports)].map(([ifname, { uplink = true }]) =>
    create(devmodel.PhysicalIOSchema, {
      ...{ ptype: Type.PhyIoNetEth, phylabel: ifname, logicallabel: ifname, assigngrp: ifname },
      phyaddrs: { ifname },
      usage: uplink ? Usage.PhyIoUsageMgmtAndApps : Usage.PhyIoUsageShared,
    }),
  );
}

const types: Readonly<Record<NonNullable<EdgeNodeDevice["kind"]>, devmodelCommon.PhyIoType>> = {
  Network: Type.PhyIoNetEth,
  Audio: Type.PhyIoAudio,
  Display: Type.PhyIoHDMI,
  NVMe: Type.PhyIoNVMEStorage,
  SATA: Type.PhyIoSATAStorage,
  USBController: Type.PhyIoUSBController,
  USBDevice: Type.PhyIoUSBDevice,
  Serial: Type.PhyIoCOM,
  CAN: Type.PhyIoCAN,
  Other: Type.PhyIoOther,
};

function typeOf({
  kind,
  usb,
  usbProduct,
  serial,
  interface: card,
  functions,
}: EdgeNodeDevice): devmodelCommon.PhyIoType {
  if (functions !== undefined) return Type.PhyIoNetEthPF;
  if (kind !== undefined) return types[kind];
  if (usb !== undefined || usbProduct !== undefined) return Type.PhyIoUSBDevice;
  if (serial !== undefined) return Type.PhyIoCOM;
  return card === undefined ? Type.PhyIoOther : Type.PhyIoNetEth;
}

/** What apps may have for themselves. */
export function devicesOf({ spec }: EdgeNode): devmodel.PhysicalIO[] {
  return (spec.devices ?? []).map((device) => {
    const { name, pci, usb, usbProduct, serial, interface: ifname } = device;
    const places = { pcilong: pci, usbaddr: usb, usbproduct: usbProduct, serial, ifname };
    return create(devmodel.PhysicalIOSchema, {
      ...{ ptype: typeOf(device), phylabel: name, logicallabel: name, assigngrp: groupOf(device) },
      phyaddrs: Object.fromEntries(
        Object.entries(places).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
      ),
      usage: Usage.PhyIoUsageDedicated,
      ...(device.functions === undefined ? {} : { vflist: functionsOf(device.functions) }),
    });
  });
}

function functionsOf(functions: NonNullable<EdgeNodeDevice["functions"]>): devmodel.VfList {
  const data = functions.map(({ mac = "", vlan: vlanId = 0 }, index) => ({ index, mac, vlanId }));
  return create(devmodel.VfListSchema, { vfCount: functions.length, data });
}

/** The groups of devices that a Pod's containers ask for. */
export function adaptersOf({ spec }: Pod, edgeNode: EdgeNode): devcommon.Adapter[] {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const wanted = new Set(containers.flatMap(({ resources }) => deviceGroups(resources?.limits)));
  return [...wanted].sort().map((name) => {
    const device = edgeNode.spec.devices?.find((one) => lentGroups(one).includes(name));
    if (device !== undefined) {
      const type = device.functions === undefined ? typeOf(device) : Type.PhyIoNetEthVF;
      return create(devcommon.AdapterSchema, { type, name });
    }
    const message = `${deviceResource}${name}: EdgeNode ${edgeNode.metadata.name} has no device of this group`;
    throw new RenderError("NotSupported", message);
  });
}
