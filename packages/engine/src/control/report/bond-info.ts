/** How a bond of the node's is, as EVE has it. Pure. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type info, netCommon } from "@selvedge/eve-api";
import type { BondMode, BondSpec } from "../../desired.ts";
import type { BondState } from "../../port/port-driver.ts";

type BondInfo = NonNullable<MessageInitShape<typeof info.DevicePortSchema>["bondStatus"]>;

const { BondMode: Mode, LacpRate: Rate } = netCommon;
const modes: Readonly<Record<BondMode, netCommon.BondMode>> = {
  "balance-rr": Mode.BOND_MODE_BALANCE_RR,
  "active-backup": Mode.BOND_MODE_ACTIVE_BACKUP,
  "balance-xor": Mode.BOND_MODE_BALANCE_XOR,
  broadcast: Mode.BOND_MODE_BROADCAST,
  "802.3ad": Mode.BOND_MODE_802_3AD,
  "balance-tlb": Mode.BOND_MODE_BALANCE_TLB,
  "balance-alb": Mode.BOND_MODE_BALANCE_ALB,
};

/** Without a state only what it is to be: it is not in force, or could not be made. */
export function bondInfo(
  { mode, watch, lacpRate, members }: BondSpec,
  state: BondState | undefined,
): BondInfo {
  const nameOf = (card: string): string => members.find((it) => it.card === card)?.name ?? card;
  const agrees = mode === "802.3ad";
  return {
    mode: modes[mode],
    activeMember: state === undefined || state.active === "" ? "" : nameOf(state.active),
    ...(watch.kind === "carrier"
      ? {
          miiMonitor: {
            ...{ enabled: true, pollingInterval: watch.everyMs },
            ...{ updelay: watch.upDelayMs, downdelay: watch.downDelayMs },
          },
        }
      : { arpMonitor: { enabled: true, pollingInterval: watch.everyMs, ipTargets: [...watch.targets] } }),
    ...(agrees
      ? {
          lacp: {
            lacpRate: lacpRate === "fast" ? Rate.FAST : Rate.SLOW,
            activeAggregatorId: state?.aggregator ?? 0,
            partnerMac: state?.partnerMac ?? "",
          },
        }
      : {}),
    members: (state?.members ?? []).map(({ card, up, aggregator }) => ({
      ...{ logicallabel: nameOf(card), miiUp: up },
      ...(agrees ? { lacp: { aggregatorId: aggregator } } : {}),
    })),
  };
}
