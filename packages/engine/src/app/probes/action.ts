import { type Clock, describeError, millis, sleep } from "@selvedge/base";
import type { ext } from "@selvedge/eve-api";
import { GuestError } from "../hypervisor.ts";
import { type ActionResult, type ActionTarget, addressOf } from "./action-target.ts";
import { checkGrpc } from "./grpc-check.ts";
import { getHttp } from "./http-get.ts";

/** What is kept of a program's or server's complaint. */
const outputMax = 1024;

/** Does what a probe or hook says, in the app's machine. Never throws: what goes wrong is the result. */
export async function runAction(
  action: ext.ProbeAction,
  target: ActionTarget,
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ActionResult> {
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const timer = clock.setTimer(millis(timeoutMs), () =>
    stop.abort(new GuestError(`timed out after ${timeoutMs} ms`)),
  );
  try {
    return await Promise.race([perform(action, target, clock, stop.signal), aborted(stop.signal)]);
  } catch (error) {
    return { ok: false, message: describeError(error) };
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", onAbort);
    stop.abort();
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

async function perform(
  { action }: ext.ProbeAction,
  target: ActionTarget,
  clock: Clock,
  signal: AbortSignal,
): Promise<ActionResult> {
  switch (action.case) {
    case "exec":
      return await runCommand(action.value.command, target, signal);
    case "httpGet":
      return await getHttp(action.value, target, signal);
    case "tcp":
      return await dialTcp(action.value, target, signal);
    case "grpc":
      return await checkGrpc(action.value, target, signal);
    case "sleepSeconds":
      await sleep(clock, millis(action.value * 1000), signal);
      return { ok: true };
    default:
      return { ok: false, message: "the action says nothing this node knows" };
  }
}

async function runCommand(
  command: readonly string[],
  { guest, index, user, env, cwd }: ActionTarget,
  signal: AbortSignal,
): Promise<ActionResult> {
  const session = guest.exec(index, command, { tty: false, stdin: false, user, env, cwd });
  const onAbort = (): void => session.close();
  signal.addEventListener("abort", onAbort, { once: true });
  let output = "";
  try {
    for await (const { bytes } of session.output)
      output = (output + new TextDecoder().decode(bytes)).slice(0, outputMax);
    const code = await session.exit;
    return code === 0 ? { ok: true } : { ok: false, message: output.trim() || `command exited with ${code}` };
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function dialTcp(
  { port, host }: ext.TcpAction,
  target: ActionTarget,
  signal: AbortSignal,
): Promise<ActionResult> {
  const connection = target.guest.dial(port, addressOf(host, target));
  signal.addEventListener("abort", () => connection.close(), { once: true });
  try {
    await connection.opened;
    return { ok: true };
  } finally {
    connection.close();
  }
}
