/** How a bond of the node's is, as EVE has it. Pure. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { bondModes, type info, netCommon } from "@selvedge/eve-api";
import type { BondSpec } from "../../desired.ts";
import type { BondState } from "../../port/port-driver.ts";

type BondInfo = NonNullable<MessageInitShape<typeof info.DevicePortSchema>["bondStatus"]>;

const { LacpRate: Rate } = netCommon;

/** Without a state only what it is to be: it is not in force, or could not be made. */
export function bondInfo(
  { mode, watch, lacpRate, members }: BondSpec,
  state: BondState | undefined,
): BondInfo {
  const nameOf = (card: string): string => members.find((it) => it.card === card)?.name ?? card;
  const agrees = mode === "802.3ad";
  return {
    mode: bondModes[mode],
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
