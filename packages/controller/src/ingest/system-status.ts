/** What a device says of its own system and of commands, as parts of its EdgeNode's status. */
import { info } from "@selvedge/eve-api";
import type { EdgeNodeCommands, EdgeNodeStatus, EdgeNodeSystem } from "@selvedge/kinds";
import type { ConditionSays } from "../objects/conditions.ts";
import { errorText } from "./error-text.ts";

export const systemUpdated = "SystemUpdated";
const textMax = 256;

/** What runs, and what is in the other slot; undefined when it says nothing of its system. */
export function systemOf({ swList }: info.ZInfoDevice): EdgeNodeStatus["system"] {
  const [running, other] = swList;
  if (running === undefined) return undefined;
  const said = {
    ...{ version: running.shortVersion, state: running.partitionState, slot: running.partitionLabel },
    ...{ otherVersion: other?.shortVersion ?? "", otherState: other?.partitionState ?? "" },
    error: errorText(running.swErr) || errorText(other?.swErr),
  };
  const texts = Object.entries(said).filter(([, text]) => text !== "");
  return Object.fromEntries(texts.map(([key, text]) => [key, text.slice(0, textMax)]));
}

/** Nothing when it never was told any. */
export function carriedOutOf(device: info.ZInfoDevice): EdgeNodeCommands | undefined {
  const { rebootConfigCounter: reboot, shutdownConfigCounter: shutdown } = device;
  return reboot === 0 && shutdown === 0 ? undefined : { reboot, shutdown };
}

/** Whether the device runs the system that it is to run, and what stands in the way. */
export function systemCondition(
  wanted: EdgeNodeSystem | undefined,
  { swList }: info.ZInfoDevice,
): ConditionSays | undefined {
  const [running] = swList;
  if (wanted === undefined || running === undefined) return undefined;
  const { version, activate = true } = wanted;
  const type = systemUpdated;
  const says = (status: "True" | "False", reason: string, message: string): ConditionSays => ({
    ...{ type, status, reason, message: message.slice(0, 2 * textMax) },
  });
  if (running.shortVersion === version) {
    return running.partitionState === "inprogress"
      ? says(
          "False",
          "Testing",
          `${version} is on trial: the box goes back when it cannot reach the controller`,
        )
      : says("True", "Running", `${version} runs`);
  }
  const coming = swList.find(({ shortVersion }, slot) => slot > 0 && shortVersion === version);
  if (coming === undefined) {
    const message = `${running.shortVersion} runs; the box has not said that it fetches ${version}`;
    return says("False", "NotStarted", message);
  }
  const { swErr, subStatusStr, userStatus, downloadProgress } = coming;
  const why = errorText(swErr) || (userStatus === info.BaseOsStatus.FAILED ? subStatusStr : "");
  if (why !== "") return says("False", "Failed", `${version} could not be put in place: ${why}`);
  if (coming.status === info.ZSwState.INSTALLED || coming.status === info.ZSwState.DELIVERED) {
    return activate
      ? says("False", "Installed", `${version} is in the other slot, to be started`)
      : says("True", "Ready", `${version} is in the other slot; spec.system.activate starts it`);
  }
  const percent = downloadProgress > 0 ? ` (${Math.min(downloadProgress, 100)} % fetched)` : "";
  return says("False", "Fetching", `the box fetches ${version}${percent}`);
}
