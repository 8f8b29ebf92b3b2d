/** ZInfoEdgeview: for how long the node can be looked at, and how often it was. Pure. */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { info } from "@selvedge/eve-api";
import type { EdgeviewStatus } from "../../observed.ts";
import { type InfoMessage, infoMessage } from "./info-messages.ts";

export function edgeviewInfo(
  node: string,
  status: EdgeviewStatus | undefined,
): { message: InfoMessage; gone: boolean } {
  const value = create(
    info.ZInfoEdgeviewSchema,
    status === undefined
      ? {}
      : {
          expireTime: timestampFromMs(status.expiresAt),
          startedTime: timestampFromMs(status.startedAt),
          countDev: status.device,
          countApp: status.app,
          countExt: status.external,
        },
  );
  const message = infoMessage(node, info.ZInfoTypes.ZiEdgeview, { case: "evinfo", value });
  return { message, gone: status === undefined };
}
