/** EVE's numbers for what a device is and who may have it, and the engine's words. */
import { devmodelCommon } from "@selvedge/eve-api";
import type { DeviceKind, DeviceUsage } from "../device/device-spec.ts";

const { PhyIoType: Type, PhyIoMemberUsage: Usage } = devmodelCommon;

const kinds: readonly (readonly [devmodelCommon.PhyIoType, DeviceKind])[] = [
  [Type.PhyIoNetEth, "ethernet"],
  [Type.PhyIoNetEthPF, "parted-card"],
  [Type.PhyIoNetEthVF, "function"],
  [Type.PhyIoUSB, "usb"],
  [Type.PhyIoCOM, "serial"],
  [Type.PhyIoAudio, "audio"],
  [Type.PhyIoNetWLAN, "wifi"],
  [Type.PhyIoNetWWAN, "cellular"],
  [Type.PhyIoHDMI, "display"],
  [Type.PhyIoNVMEStorage, "nvme"],
  [Type.PhyIoSATAStorage, "sata"],
  [Type.PhyIoUSBController, "usb-controller"],
  [Type.PhyIoUSBDevice, "usb-device"],
  [Type.PhyIoCAN, "can"],
];

const usages: readonly (readonly [devmodelCommon.PhyIoMemberUsage, DeviceUsage])[] = [
  [Usage.PhyIoUsageNone, "none"],
  [Usage.PhyIoUsageMgmtAndApps, "node-and-apps"],
  [Usage.PhyIoUsageShared, "shared"],
  [Usage.PhyIoUsageDedicated, "dedicated"],
  [Usage.PhyIoUsageDisabled, "disabled"],
  [Usage.PhyIoUsageMgmtOnly, "node"],
];

export function deviceKind(type: devmodelCommon.PhyIoType): DeviceKind {
  return kinds.find(([number]) => number === type)?.[1] ?? "other";
}

export function deviceType(kind: DeviceKind): devmodelCommon.PhyIoType {
  return kinds.find(([, word]) => word === kind)?.[0] ?? Type.PhyIoOther;
}

export function deviceUsage(number: devmodelCommon.PhyIoMemberUsage): DeviceUsage {
  return usages.find(([it]) => it === number)?.[1] ?? "none";
}

export function usageNumber(usage: DeviceUsage): devmodelCommon.PhyIoMemberUsage {
  return usages.find(([, word]) => word === usage)?.[0] ?? Usage.PhyIoUsageNone;
}
