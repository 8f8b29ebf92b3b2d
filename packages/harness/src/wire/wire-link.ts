import { fromBinary } from "@bufbuild/protobuf";
import type { Clock } from "@selvedge/base";
import { WsLinkDialer } from "@selvedge/engine";
import { ext, LinkMux, linkPath } from "@selvedge/eve-api";
import type { PollTarget } from "./poll-connection.ts";
import type { WireNode } from "./wire-node.ts";

const dialer = new WsLinkDialer();

/** A node's link, up; `onChanged` hears that the controller has another configuration. */
export async function dialLink(
  { host, port, ca }: PollTarget,
  node: WireNode,
  clock: Clock,
  onChanged: () => void,
): Promise<LinkMux> {
  const url = `wss://${host}:${port}${linkPath(node.id)}`;
  const socket = await dialer.dial(url, [ca], new AbortController().signal);
  return await new Promise((resolve, reject) => {
    socket.onClose(() => reject(new Error("the controller closed the link")));
    socket.onMessage((message) => {
      const { body } = fromBinary(ext.LinkFrameSchema, message);
      if (body.case === "challenge") socket.send(node.hello(body.value.nonce));
      if (body.case === "welcome") resolve(new LinkMux({ socket, clock, end: "engine", onChanged }));
    });
  });
}
