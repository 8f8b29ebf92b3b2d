/** The engine's real ports, opened, put together and taken down again. */
import { access } from "node:fs/promises";
import { flushCompileCache } from "node:module";
import { join } from "node:path";
import {
  type Clock,
  describeError,
  formatRecord,
  Log,
  type LogSink,
  millis,
  SystemClock,
  SystemRandom,
  seconds,
  sleep,
} from "@selvedge/base";
import { UdpSockets } from "./alias/linux/udp-sockets.ts";
import { TcpListener } from "./api-door/linux/tcp-listener.ts";
import type { Hypervisor } from "./app/hypervisor.ts";
import { detectAcceleration } from "./app/qemu/acceleration.ts";
import type { Acceleration } from "./app/qemu/qemu-args.ts";
import { QemuHypervisor } from "./app/qemu/qemu-hypervisor.ts";
import { hostTscKhz } from "./app/qemu/tsc.ts";
import { SqfstarBuilder } from "./content/sqfstar/sqfstar-builder.ts";
import { openKernelSource } from "./control/logs/linux/kernel-source.ts";
import { VfioDriver } from "./device/linux/vfio-driver.ts";
import { WsEdgeviewNet } from "./edgeview/linux/ws-edgeview-net.ts";
import { createEngine } from "./engine.ts";
import type { EngineFlags } from "./flags.ts";
import { readEnrolmentConfig, readFirmwareVersion } from "./host/linux/config-folder.ts";
import { linuxDiagnostics } from "./host/linux/linux-diagnostics.ts";
import { LinuxDisk } from "./host/linux/linux-disk.ts";
import { LinuxHardware } from "./host/linux/linux-hardware.ts";
import { readHostFacts } from "./host/linux/linux-host-facts.ts";
import { EnginePower, SystemPower } from "./host/linux/linux-power.ts";
import { NodeHttpClient } from "./host/linux/node-http-client.ts";
import { SshSftpClient } from "./host/linux/ssh-sftp-client.ts";
import { WsLinkDialer } from "./host/linux/ws-link-dialer.ts";
import { FileKeyStore } from "./identity/file-key-store.ts";
import type { KeyStore } from "./identity/key-store.ts";
import { TpmKeyStore } from "./identity/tpm/tpm-key-store.ts";
import { MetadataServer } from "./metadata/linux/metadata-server.ts";
import { LinuxFlowSource } from "./network/linux/linux-flow-source.ts";
import { LinuxNetworkDriver } from "./network/linux/linux-network-driver.ts";
import { LinuxWayDriver } from "./network/linux/linux-way-driver.ts";
import { controllerProbe } from "./port/linux/controller-probe.ts";
import { keepCardNames } from "./port/linux/linux-card-names.ts";
import { LinuxPortDriver } from "./port/linux/linux-port-driver.ts";
import { proxyFor } from "./port/proxy-choice.ts";
import type { HostFacts } from "./ports.ts";
import { engineVersion } from "./version.ts";
import { QemuImgDriver } from "./volume/qemu/qemu-img-driver.ts";

/** A TPM may come up after us; beyond this whoever started us shall start us again. */
const tpmPatience = seconds(60);
const tpmPause = millis(500);
/** One engine a network namespace, so one name for what it makes there. */
const networkPrefix = "sv";

/** Runs until it is told to stop; resolves with the exit code. */
export async function runEngine(flags: EngineFlags): Promise<number> {
  const clock = new SystemClock();
  const sink: LogSink = (record) => void process.stderr.write(`${formatRecord(record)}\n`);
  const log = new Log("engine", clock, sink);
  // A fault nobody foresaw: said like everything else, then whoever started us starts us again; apps go on.
  process.once("uncaughtException", (error) => {
    log.error("the engine fails", { error: error instanceof Error ? error.stack : String(error) });
    process.exit(1);
  });
  try {
    await runUntilStopped(flags, clock, sink, log);
    return 0;
  } catch (error) {
    log.error("the engine cannot run", { error: describeError(error) });
    return 1;
  }
}

async function runUntilStopped(flags: EngineFlags, clock: Clock, sink: LogSink, log: Log): Promise<void> {
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.once(signal, () => stop.abort(new Error(`received ${signal}`)));
  const random = new SystemRandom();
  const disk = new LinuxDisk(flags.state);
  const config = await readEnrolmentConfig(flags.config);
  log.info(`selvedge engine ${engineVersion}`, { controller: config.baseUrl, state: flags.state });
  await using keys = await openKeys(flags, disk, clock, log, stop.signal);
  log.info(`identity lies in the ${keys.place}`, { store: keys.kind });
  using http = new NodeHttpClient();
  if (flags.ports === "engine") await keepCardNames(disk, log);
  const host = await readHostFacts();
  const hypervisor = await openHypervisor(flags, host, disk, clock, log);
  const networkFolder = join(flags.run, "network");
  using flows = new LinuxFlowSource({
    ...{ prefix: networkPrefix, folder: networkFolder, clock, log: log.child("flows") },
  });
  await using ports = new LinuxPortDriver({
    ...{ manages: flags.ports === "engine", folder: join(flags.run, "ports") },
    resolvConf: flags.resolvConf,
    probe: controllerProbe(config.baseUrl, config.roots),
  });
  // On a box that is another's, what its kernel says is another's to be told.
  await using kernel = flags.ports === "engine" ? await openKernelSource(host.bootedAt) : undefined;
  await using engine = await createEngine({
    ...{ clock, random, sink, disk, http, keys, config, engineVersion, networkPrefix, hypervisor },
    // What the processor could do counts only where machines of ours do it.
    host: { ...host, hardwareVirtualization: hypervisor !== undefined && !hypervisor.emulated },
    linkDialer: new WsLinkDialer(),
    images: new SqfstarBuilder({ disk }),
    volumes: new QemuImgDriver(disk),
    sftp: new SshSftpClient(),
    edgeview: new WsEdgeviewNet(),
    metadata: new MetadataServer(log),
    apiListener: new TcpListener(log),
    aliases: new UdpSockets(log),
    ports,
    devices: new VfioDriver(),
    networkDriver: new LinuxNetworkDriver({ prefix: networkPrefix, folder: networkFolder }),
    flows,
    ways: new LinuxWayDriver(),
    firmwareVersion: await readFirmwareVersion(),
    diagnostics: linuxDiagnostics,
    kernel,
    hardware: new LinuxHardware({ ownPrefix: networkPrefix }),
    power:
      flags.power === "system"
        ? new SystemPower(flags.heard)
        : new EnginePower((why) => stop.abort(new Error(why))),
  });
  http.proxyFor = (host) => proxyFor(engine.store.ports.get(), host);
  await engine.start();
  // Now, because a power cut asks nobody before it comes.
  flushCompileCache();
  await stopped(stop.signal);
  log.info("the engine stops; apps go on", { reason: describeError(stop.signal.reason) });
}

async function openKeys(
  { tpm }: EngineFlags,
  disk: LinuxDisk,
  clock: Clock,
  log: Log,
  signal: AbortSignal,
): Promise<KeyStore> {
  if (tpm.kind === "none") {
    log.warn("no TPM is used: whoever copies this box's disk is this node");
    return await FileKeyStore.open(disk);
  }
  const until = clock.monotonic() + tpmPatience;
  for (let said = false; ; ) {
    try {
      return await TpmKeyStore.open(tpm);
    } catch (error) {
      if (clock.monotonic() >= until) throw error;
      if (!said) log.warn("waiting for the TPM", { error: describeError(error) });
      said = true;
      await sleep(clock, tpmPause, signal);
    }
  }
}

async function openHypervisor(
  flags: EngineFlags,
  host: HostFacts,
  disk: LinuxDisk,
  clock: Clock,
  log: Log,
): Promise<Hypervisor | undefined> {
  const { guest, accel } = flags;
  if (guest === undefined) {
    log.warn("no --guest: this node runs no apps");
    return undefined;
  }
  const [kernel, initramfs] = [join(guest, "vmlinux"), join(guest, "initramfs.cpio")];
  await access(kernel);
  await access(initramfs);
  const acceleration = await chooseAcceleration(accel, host, { kernel, initramfs });
  if (acceleration.kind === "tcg") log.warn("apps run in emulated machines", { why: acceleration.why });
  return new QemuHypervisor({
    ...{ kernel, initramfs, clock, log, acceleration },
    folder: join(flags.run, "apps"),
    scratchFolder: disk.absolute("apps/scratch"),
    cgroup: "selvedge",
    random: new SystemRandom(),
  });
}

/** Trying KVM out takes a moment, so a box whose processor rules it out is not asked. */
async function chooseAcceleration(
  accel: EngineFlags["accel"],
  host: HostFacts,
  guest: { readonly kernel: string; readonly initramfs: string },
): Promise<Acceleration & { readonly why: string }> {
  if (accel === "kvm") return { kind: "kvm", why: "--accel kvm" };
  if (accel === "auto" && host.hardwareVirtualization) return await detectAcceleration(guest);
  const why = accel === "tcg" ? "--accel tcg" : "the processor offers no virtualization";
  return { kind: "tcg", tscKhz: hostTscKhz(), why };
}

function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
