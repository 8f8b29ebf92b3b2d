/** ZInfoNTPSources: where the box has its time from. Pure. */
import { create } from "@bufbuild/protobuf";
import { info, ntp } from "@selvedge/eve-api";
import type { TimeSource } from "../../hardware/hardware.ts";
import { type InfoMessage, infoMessage } from "./info-messages.ts";

const { NTPSourceState: State, NTPSourceMode: Mode } = ntp;

const states: Readonly<Record<TimeSource["state"], ntp.NTPSourceState>> = {
  chosen: State.NTP_SOURCE_STATE_SYNC,
  combined: State.NTP_SOURCE_STATE_CANDIDATE,
  outlier: State.NTP_SOURCE_STATE_OUTLIER,
  false: State.NTP_SOURCE_STATE_FALSETICKER,
  jittery: State.NTP_SOURCE_STATE_JITTERY,
  unreachable: State.NTP_SOURCE_STATE_UNREACH,
};
const modes: Readonly<Record<TimeSource["mode"], ntp.NTPSourceMode>> = {
  server: Mode.NTP_SOURCE_MODE_CLIENT,
  peer: Mode.NTP_SOURCE_MODE_PEER,
  clock: Mode.NTP_SOURCE_MODE_REF,
};
const ntpPort = 123;

export function timeSourcesInfo(node: string, sources: readonly TimeSource[]): InfoMessage {
  const value = create(ntp.ZInfoNTPSourcesSchema, {
    sources: sources.map((it) => ({
      ...{ reachable: it.reach > 0, reachability: it.reach, state: states[it.state], mode: modes[it.mode] },
      ...(it.mode === "clock" ? { refId: it.address } : { dstAddr: it.address, dstPort: ntpPort }),
      ...{ stratum: it.stratum, poll: it.poll, offset: it.offsetSeconds, dispersion: it.errorSeconds },
    })),
  });
  return infoMessage(node, info.ZInfoTypes.ZiNTPSources, { case: "ntpSources", value });
}
