/**
 * The controller as a program: parses its flags, opens its files, listens on two TLS ports, stops when
 * told.
 */
import { ApiServer, podSubresources, SqliteStore, type StreamedPod } from "@selvedge/apiserver";
import { describeError, formatRecord, Log, SystemClock, SystemRandom } from "@selvedge/base";
import { podKind } from "@selvedge/kinds";
import { FlagError, formatAddress } from "./address.ts";
import { createController } from "./controller.ts";
import { DataFolder } from "./data-folder.ts";
import { type Flags, parseFlags, usage } from "./flags.ts";
import { DeviceListener } from "./listeners/device-listener.ts";
import { isRegistryTarget, serveRegistry } from "./listeners/registry-http.ts";
import { Pki } from "./pki/pki.ts";
import { FolderPkiFiles } from "./pki/pki-files.ts";
import { SqliteRecords } from "./records/sqlite-records.ts";
import { exportTelemetry } from "./telemetry/export-telemetry.ts";
import { otlpOverHttp } from "./telemetry/otlp-http.ts";

const clock = new SystemClock();
const random = new SystemRandom();
let isVerbose = false;
const log = new Log("controller", clock, (record) => {
  if (record.level !== "debug" || isVerbose) process.stderr.write(`${formatRecord(record)}\n`);
});
// It ends the process; whoever reads the log learns why.
process.on("uncaughtExceptionMonitor", (error) => log.error("the controller crashes", { error }));

async function run(flags: Flags): Promise<void> {
  const { kubeListen, deviceListen, advertiseKube, advertiseDevice } = flags;
  isVerbose = flags.verbose;
  const stopped = signalled();
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(new DataFolder(flags.data));
  const pki = stack.use(
    await Pki.open({
      files: new FolderPkiFiles(folder.in("pki")),
      kubeNames: [...new Set([advertiseKube.host, kubeListen.host])],
      deviceNames: [...new Set([advertiseDevice.host, deviceListen.host])],
      ...{ clock, random, log: log.child("pki") },
    }),
  );
  const store = stack.adopt(new SqliteStore(folder.in("controller.db")), (opened) => opened.close());
  const records = stack.use(new SqliteRecords(folder.in("controller.db")));
  const controller = stack.use(
    await createController({
      ...{ store, records, pki, clock, random, log },
      blobs: folder.in("registry"),
      logs: folder.in("logs"),
      deviceAddress: advertiseDevice,
    }),
  );
  const { images, gateway, metrics } = controller;
  const registryLog = log.child("registry");
  const podStreams = podSubresources({
    pod: (namespace, name) => controller.registry.get<StreamedPod>(podKind, name, namespace),
    streams: controller.streams,
    ...{ clock, log: log.child("streams") },
  });
  if (flags.otlpEndpoint !== undefined) {
    const post = otlpOverHttp(flags.otlpEndpoint, clock);
    stack.use(exportTelemetry(controller, { post, clock, random, log: log.child("otlp") }));
  }
  const api = stack.adopt(
    new ApiServer({
      ...{ objects: controller.registry, clock, log: log.child("api") },
      tls: kubeTls(pki),
      ...{ metrics, computed: controller.computed },
      subresource: async (target, request, answer) => {
        const taken = await controller.nodeProxy(target, request, answer);
        if (!taken) await podStreams(target, request, answer);
      },
      elsewhere: (request, response, user) => {
        if (!isRegistryTarget(request.url)) return false;
        const identity = user && { name: user.name, mayPush: true };
        void serveRegistry(images, request, response, identity, registryLog);
        return true;
      },
    }),
    (server) => server.close(),
  );
  const devices = stack.use(
    new DeviceListener({
      ...{ gateway, registry: images, clock, log: log.child("devices") },
      tls: () => pki.deviceServer,
      ticketSecret: pki.secret("tickets"),
    }),
  );
  stack.defer(
    pki.onRenewed(() => {
      api.renew(kubeTls(pki));
      devices.renew();
    }),
  );
  await controller.start();
  const kubePort = await bound("--kube-listen", api.listen(kubeListen.port, kubeListen.host));
  const devicePort = await bound("--device-listen", devices.listen(deviceListen));
  const server = { ...advertiseKube, port: advertiseKube.port || kubePort };
  folder.write("kubeconfig", pki.kubeconfig(`https://${formatAddress(server)}`));
  folder.write("registry-password", `${controller.registryPassword}\n`);
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
    const flags = parseFlags(args);
    if (flags === "help") {
      process.stdout.write(usage);
      return 0;
    }
    await run(flags);
    log.info("stopped");
    return 0;
  } catch (error) {
    const badArguments =
      error instanceof FlagError || String((error as { code?: unknown }).code).startsWith("ERR_PARSE_ARGS");
    if (!badArguments) log.error("the controller failed", { error });
    process.stderr.write(`selvedge controller: ${describeError(error)}\n`);
    return badArguments ? 2 : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
