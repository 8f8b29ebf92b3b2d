/**
 * The controller as a program: parses its flags, opens its files, listens on two TLS ports, stops when
 * told.
 */
import { hostname } from "node:os";
import { ApiServer, CustomResources } from "@selvedge/apiserver";
import {
  argumentFault,
  describeError,
  formatRecord,
  Log,
  SystemClock,
  SystemRandom,
  uuid,
} from "@selvedge/base";
import { type AccessControl, createAccessControl } from "./access/access-control.ts";
import { openAuditLog } from "./access/audit-log.ts";
import { FlagError, formatAddress } from "./address.ts";
import { createAdmissionPolicies } from "./admission/admission-policies.ts";
import { createWebhooks } from "./admission/webhooks.ts";
import { createApi } from "./api.ts";
import { backUpFrom, restoreInto } from "./backup/commands.ts";
import { besideObjects } from "./beside-objects.ts";
import { DataFolder } from "./data-folder.ts";
import { type Duty, registryPassword, takeUpDuty } from "./duty.ts";
import { outsideDial } from "./endpoints/outside-dial.ts";
import { outsidePorts } from "./endpoints/own-places.ts";
import { serviceDial } from "./endpoints/service-dial.ts";
import { type Flags, parseFlags, parseUpkeepFlags, usage } from "./flags.ts";
import { openStore } from "./open-store.ts";
import type { Pki } from "./pki/pki.ts";
import { processMetrics } from "./telemetry/process-metrics.ts";
import { ThreadDeaths } from "./thread-deaths.ts";

const clock = new SystemClock();
const random = new SystemRandom();
let isVerbose = false;
const log = new Log("controller", clock, (record) => {
  if (record.level !== "debug" || isVerbose) process.stderr.write(`${formatRecord(record)}\n`);
});
// It ends the process; whoever reads the log learns why.
process.on("uncaughtExceptionMonitor", (error) => log.error("the controller crashes", { error }));

async function run(flags: Flags): Promise<void> {
  const { kubeListen, deviceListen, advertiseKube } = flags;
  isVerbose = flags.verbose;
  const stopped = signalled();
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(new DataFolder(flags.data));
  const threads = new ThreadDeaths({ clock, log: log.child("threads") });
  const opened = stack.use(await openStore(flags, folder, { clock, log, threads }));
  const { store } = opened;
  const half = createApi({ store, clock, random, log, serviceRange: flags.serviceRange });
  half.metrics.include(threads.metrics);
  stack.use(half.registry.evaluations);
  stack.use(processMetrics(half.metrics, clock));
  await stack.use(half.policies).start();
  let [api, duty, access]: Partial<[ApiServer, Duty, AccessControl]> = [];
  const outside = outsideDial(outsidePorts(flags.database));
  const dialling = { clock, random, dial: serviceDial(() => duty, { random, outside }) };
  const custom = { ...dialling, objects: half.registry, store, log: log.child("custom") };
  await stack.use(new CustomResources(custom)).start();
  const asking = { ...dialling, api: half, authorizer: () => access?.authorizer };
  await stack.use(createAdmissionPolicies({ ...asking, log: log.child("admission-policies") })).start();
  await stack.use(createWebhooks({ ...asking, log: log.child("webhooks") })).start();
  duty = stack.use(
    await takeUpDuty({
      ...{ flags, folder, opened, api: half, threads, clock, random, log },
      identity: `${hostname()}_${uuid(random)}`,
      onPki: (pki) => api?.renew(kubeTls(pki)),
      serveApi: (socket) => (api === undefined ? socket.destroy() : api.accept(socket)),
    }),
  );
  access = stack.use(
    createAccessControl({
      ...{ registry: half.registry, pki: duty.pki, clock, random, log: log.child("access") },
      issuer: flags.access.serviceAccountIssuer,
    }),
  );
  await access.start();
  const { authorizer, authenticators, serviceAccounts } = access;
  const print = (text: string): void => void process.stdout.write(text);
  const audit = openAuditLog(flags.access.audit, { clock, log: log.child("audit"), print });
  if (audit !== undefined) stack.use(audit);
  api = stack.adopt(
    new ApiServer({
      ...{ objects: half.registry, metrics: half.metrics, clock, log: log.child("api") },
      tls: kubeTls(duty.pki),
      ...{ authorizer, authenticators, serviceAccounts, tokens: flags.access.tokens },
      ...(audit && { audit }),
      ...(advertiseKube.port !== 0 && { externalUrl: `https://${formatAddress(advertiseKube)}` }),
      ...besideObjects(duty, half, { authorizer, clock, random, log, outside }),
    }),
    (server) => server.close(),
  );
  const kubePort = await bound("--kube-listen", api.listen(kubeListen.port, kubeListen.host));
  const devicePort = await bound("--device-listen", duty.listen(deviceListen));
  const server = { ...advertiseKube, port: advertiseKube.port || kubePort };
  folder.write("kubeconfig", duty.pki.kubeconfig(`https://${formatAddress(server)}`));
  folder.write("registry-password", `${registryPassword(duty.pki)}\n`);
  log.info("listening", {
    kube: formatAddress({ ...kubeListen, port: kubePort }),
    device: formatAddress({ ...deviceListen, port: devicePort }),
    kubeconfig: folder.in("kubeconfig"),
  });
  log.info("stopping", { signal: await stopped });
}

const listenFaults: Readonly<Record<string, string>> = {
  EADDRINUSE: "is in use by another program; choose another port",
  EADDRNOTAVAIL: "is no address of this machine",
  EACCES: "needs more rights; choose a port above 1023",
};

/** Turns what can be wrong with an address into words about the flag that gave it. */
async function bound(flag: string, listening: Promise<number>): Promise<number> {
  try {
    return await listening;
  } catch (error) {
    const { code = "", address = "", port = 0 } = error as { code?: string; address?: string; port?: number };
    const fault = listenFaults[code];
    if (fault === undefined) throw error;
    throw new FlagError(`${flag}: ${formatAddress({ host: address, port })} ${fault}`, { cause: error });
  }
}

function kubeTls(pki: Pki): { cert: string; key: string; ca: string } {
  return { ...pki.kubeServer, ca: pki.clientAuthority };
}

/** Resolves with the first signal that asks us to stop; a second one ends the process at once. */
function signalled(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(signal));
  });
}

async function main(args: readonly string[]): Promise<number> {
  try {
    const [command, ...rest] = args;
    if ((command === "backup" || command === "restore") && !rest.includes("--help")) {
      const flags = parseUpkeepFlags(command, rest);
      const act = command === "backup" ? backUpFrom : restoreInto;
      process.stdout.write(`${await act(flags, { clock, log })}\n`);
      return 0;
    }
    const flags = parseFlags(command === "backup" || command === "restore" ? rest : args);
    if (flags === "help") {
      process.stdout.write(usage);
      return 0;
    }
    await run(flags);
    log.info("stopped");
    return 0;
  } catch (error) {
    const fault = argumentFault(error, "controller");
    const badArguments = error instanceof FlagError || fault !== undefined;
    if (!badArguments) log.error("the controller failed", { error });
    process.stderr.write(`selvedge controller: ${fault ?? describeError(error)}\n`);
    return badArguments ? 2 : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
