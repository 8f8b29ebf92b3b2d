/**
 * The way of an app to the API: a stream that its node opens, taken for a connection to the API server. What goes
 * through is TLS between the app and that server; who the app is, its token says, and this only looks that the
 * node speaks for an app that is its own and has one.
 */
import type { Duplex } from "node:stream";
import type { ObjectView } from "@selvedge/client";
import { LinkClosedError, type LinkStream } from "@selvedge/eve-api";
import type { EdgeNode, Node, Pod } from "@selvedge/kinds";
import { nodeNameOf } from "../objects/caches.ts";
import { isOver } from "../objects/pods.ts";
import type { NodeId } from "../ports.ts";
import { hasToken } from "../render/api-access.ts";
import { duplexChannels } from "./channel-streams.ts";

export interface ApiDoorOptions {
  readonly pods: Pick<ObjectView<Pod>, "by">;
  readonly nodes: Pick<ObjectView<Node>, "get">;
  readonly edgeNodes: Pick<ObjectView<EdgeNode>, "by">;
  /** Undefined: this controller has no API to lead to. */
  readonly serve: ((connection: Duplex) => void) | undefined;
}

const [towardsApp, fromApp] = [0, 1];

export function apiDoor({ pods, nodes, edgeNodes, serve }: ApiDoorOptions) {
  return (nodeId: NodeId, stream: LinkStream): void => {
    const { appId, what } = stream.open;
    if (what.case !== "api")
      throw new LinkClosedError("a node opens streams to the API, and no others", "BadRequest");
    if (serve === undefined) throw new LinkClosedError("no API is served here", "ServiceUnavailable");
    const [edgeNode] = edgeNodes.by("id", nodeId);
    const nodeName = edgeNode && nodeNameOf(edgeNode);
    const [pod] = pods.by("uid", appId);
    const isOwn = nodeName !== undefined && pod?.spec.nodeName === nodeName && !isOver(pod);
    if (!isOwn || !hasToken(pod, nodes.get(nodeName)))
      throw new LinkClosedError(`app ${appId} is none of this node's that may speak to the API`, "Forbidden");
    const connection = duplexChannels(stream, towardsApp, fromApp);
    // Whoever reads it is told by its end.
    connection.on("error", () => undefined);
    serve(connection);
  };
}
