import { instant } from "@selvedge/base";
import { type ext, LinkClosedError, type LinkStream } from "@selvedge/eve-api";
import { readLog } from "../logs/log-reader.ts";
import type { Serve, StreamTarget } from "./target.ts";

/** `kubectl logs`: what a container wrote, and with follow what it goes on writing until it ends. */
export function openLogs(stream: LinkStream, query: ext.OpenLogs, target: StreamTarget): Serve {
  const { app, index, container } = target;
  const attempt = attemptOf(target, query.previous);
  const stop = new AbortController();
  void stream.closed.then(() => stop.abort());
  const over = (): boolean => {
    const now = app.record.containers[index - 1];
    const run = app.machine.guest?.run(index);
    const told = run?.attempt === attempt && run.phase !== "running";
    return now?.attempt !== attempt || now.phase.kind === "ended" || told;
  };
  const request = {
    ...{ container, attempt, follow: query.follow, timestamps: query.timestamps },
    tailLines: query.tailLines === undefined ? undefined : Math.max(0, Number(query.tailLines)),
    limitBytes: query.limitBytes === undefined ? undefined : Math.max(0, Number(query.limitBytes)),
    since: instant(Number(query.since)),
  };
  return async () => {
    await app.logs.flush();
    for await (const bytes of readLog(app.logs, request, over, stop.signal)) await stream.write(1, bytes);
    stream.end(1);
    stream.reset();
  };
}

function attemptOf({ app, index, container }: StreamTarget, previous: boolean): number {
  const { pod } = app.record.spec;
  const record = app.record.containers[index - 1];
  const attempt = record?.attempt ?? 0;
  if (previous) {
    if (attempt > 1) return attempt - 1;
    const message = `previous terminated container "${container}" in pod "${pod.name}" not found`;
    throw new LinkClosedError(message, "BadRequest");
  }
  if (attempt > 0 && record?.phase.kind !== "starting") return attempt;
  const reason = app.waitingReason(index);
  const message = `container "${container}" in pod "${pod.name}" is waiting to start: ${reason}`;
  throw new LinkClosedError(message, "BadRequest");
}
