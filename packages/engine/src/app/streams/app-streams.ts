import { describeError, type Log } from "@selvedge/base";
import { LinkClosedError, type LinkStream } from "@selvedge/eve-api";
import type { AppId } from "../../desired.ts";
import type { AppStreams } from "../../ports.ts";
import type { AppInstance } from "../app-instance.ts";
import { allContainers } from "../app-record.ts";
import { phaseOf } from "../app-report.ts";
import { openAttach } from "./attach.ts";
import { openExec } from "./exec.ts";
import { openLogs } from "./logs.ts";
import { openPort } from "./port.ts";
import type { Serve, StreamTarget } from "./target.ts";

export interface AppStreamsParts {
  readonly instances: ReadonlyMap<AppId, AppInstance>;
  readonly log: Log;
}

export class LiveAppStreams implements AppStreams {
  readonly #parts: AppStreamsParts;

  constructor(parts: AppStreamsParts) {
    this.#parts = parts;
  }

  async open(stream: LinkStream): Promise<void> {
    const serve = await this.#serve(stream);
    // A turn later, when the other end has been told that the stream is open.
    setImmediate(() => {
      serve().catch((error: unknown) => {
        this.#parts.log.debug("stream broke", { stream: stream.id, error: describeError(error) });
        stream.reset(describeError(error), "InternalError");
      });
    });
  }

  async #serve(stream: LinkStream): Promise<Serve> {
    const { appId, container, what } = stream.open;
    const app = this.#parts.instances.get(appId as AppId);
    if (app === undefined) throw new LinkClosedError(`pod ${appId} is not on this node`, "NotFound");
    switch (what.case) {
      case "exec":
        return await openExec(stream, what.value, running(app, container, "exec into"));
      case "attach":
        return openAttach(stream, what.value, running(app, container, "attach to"));
      case "logs":
        return openLogs(stream, what.value, find(app, container));
      case "port":
        return await openPort(stream, what.value.port, app);
      default:
        throw new LinkClosedError("this node does not know streams of this kind", "BadRequest");
    }
  }
}

function find(app: AppInstance, name: string): StreamTarget {
  const items = allContainers(app.record.spec);
  const item =
    name === "" ? items.find(({ role }) => role === "main") : items.find((it) => it.container.name === name);
  if (item === undefined)
    throw new LinkClosedError(
      `container ${name} is not valid for pod ${app.record.spec.pod.name}`,
      "BadRequest",
    );
  const { name: container, stdinOnce } = item.container;
  return { app, index: item.index, container, stdinOnce };
}

function running(app: AppInstance, name: string, verb: string): StreamTarget {
  const target = find(app, name);
  const phase = phaseOf(app.record);
  if (phase === "Succeeded" || phase === "Failed")
    throw new LinkClosedError(
      `cannot ${verb} a container in a completed pod; current phase is ${phase}`,
      "BadRequest",
    );
  if (app.record.containers[target.index - 1]?.phase.kind !== "running")
    throw new LinkClosedError(`container not found ("${target.container}")`, "NotFound");
  return target;
}
