/** A whole Selvedge on one machine: a controller, and nodes in network namespaces of their own. */
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, SystemClock, seconds } from "@selvedge/base";
import type { Io } from "../io.ts";
import { connect, type KubeConnection, waitFor } from "../kube.ts";
import { nodeBinary, programMain } from "../layout.ts";
import { step } from "../progress.ts";
import { enrollmentProfile, isNodeReady, localProfile } from "./enrollment.ts";
import { bootNode, insideBootedNode, insideNode } from "./inside-node.ts";
import { makeOnboardingPair, type OnboardingPair, writeNodeConfig } from "./node-config.ts";
import { Supervisor } from "./supervisor.ts";
import { markOf } from "./system-processes.ts";
import type { NodePlan, UpPlan } from "./up-plan.ts";

export interface LocalSystemOptions {
  readonly plan: UpPlan;
  /** The folder that the guest build filled: kernel and initramfs. */
  readonly guestDir: string;
  readonly io: Io;
  readonly signal: AbortSignal;
}

/** Starts everything and resolves once every node is Ready; the supervisor it returns stops everything. */
export async function startLocalSystem(options: LocalSystemOptions): Promise<Supervisor> {
  const { plan, io, signal } = options;
  const clock = new SystemClock();
  const supervisor = new Supervisor(clock, (line) => io.err(line), markOf(plan));
  try {
    await startController(plan, supervisor);
    const kubeconfig = join(plan.dir, "kubeconfig");
    using connection = await step(io, clock, "Starting the controller", (onReason) =>
      waitFor(clock, signal, "the controller to answer", () => connectReady(kubeconfig), { onReason }),
    );
    if (plan.boxes !== undefined) await admitBoxes(options, plan.boxes, clock, connection);
    if (plan.nodes.length > 0) await startNodes(options, supervisor, clock, connection);
    return supervisor;
  } catch (error) {
    await supervisor[Symbol.asyncDispose]();
    throw error;
  }
}

async function connectReady(kubeconfig: string): Promise<KubeConnection | undefined> {
  // The controller writes it when it listens.
  if (!existsSync(kubeconfig)) return undefined;
  const candidate = await connect(kubeconfig);
  if (await candidate.isReady()) return candidate;
  candidate[Symbol.dispose]();
  return undefined;
}

async function startController(plan: UpPlan, supervisor: Supervisor): Promise<void> {
  const data = join(plan.dir, "controller");
  await mkdir(data, { recursive: true, mode: 0o700 });
  const kubeconfig = join(plan.dir, "kubeconfig");
  await rm(kubeconfig, { force: true });
  await symlink(join("controller", "kubeconfig"), kubeconfig);
  const local = plan.nodes.length > 0 ? plan.bridgeAddress.replace(/\/.*/, "") : "127.0.0.1";
  const advertised = plan.boxes ?? local;
  const deviceHost = plan.boxes === undefined || plan.boxes === qemuHost ? local : "0.0.0.0";
  supervisor.start({
    name: "controller",
    command: nodeBinary,
    args: [
      programMain("controller"),
      ...["--data", data],
      ...["--kube-listen", `127.0.0.1:${plan.kubePort}`],
      ...["--device-listen", `${deviceHost}:${plan.devicePort}`],
      ...["--advertise-device", `${advertised}:${plan.devicePort}`],
    ],
    logFile: join(plan.dir, "controller.log"),
  });
}

/** This machine in the network that QEMU gives to a box: what listens on the loopback is reached by it. */
const qemuHost = "10.0.2.2";

/** Without a serial number: each box has its own. */
async function admitBoxes(
  { plan, io, signal }: LocalSystemOptions,
  host: string,
  clock: Clock,
  connection: KubeConnection,
): Promise<void> {
  const onboarding = await onboardingPair(plan.dir, clock);
  const profile = { name: "boxes", onboardingCertificate: onboarding.certificate };
  await step(io, clock, "Admitting boxes", (onReason) =>
    waitFor(clock, signal, "the enrolment profile", () => enrollmentProfile(connection, profile), {
      ...{ limit: seconds(30), onReason },
    }),
  );
  const server = `${host}:${plan.devicePort}`;
  await writeNodeConfig(join(plan.dir, "boxes"), { server, rootCertificate: connection.tls.ca, onboarding });
}

async function startNodes(
  { plan, guestDir, io, signal }: LocalSystemOptions,
  supervisor: Supervisor,
  clock: Clock,
  connection: KubeConnection,
): Promise<void> {
  const onboarding = await onboardingPair(plan.dir, clock);
  await step(io, clock, "Admitting this machine's nodes", (onReason) =>
    waitFor(
      clock,
      signal,
      "the enrolment profile",
      () => enrollmentProfile(connection, localProfile(onboarding.certificate)),
      {
        limit: seconds(30),
        onReason,
      },
    ),
  );
  const server = `${plan.bridgeAddress.replace(/\/.*/, "")}:${plan.devicePort}`;
  for (const node of plan.nodes) {
    await writeNodeConfig(join(node.dir, "config"), {
      server,
      rootCertificate: connection.tls.ca,
      onboarding,
      serial: node.name,
    });
    await startNode(node, guestDir, supervisor);
  }
  for (const node of plan.nodes) {
    await step(io, clock, `Waiting for ${node.name} to enrol and be Ready`, (onReason) =>
      waitFor(clock, signal, `${node.name} to be Ready`, () => isNodeReady(connection, node.name), {
        onReason,
      }),
    );
  }
}

async function startNode(node: NodePlan, guestDir: string, supervisor: Supervisor): Promise<void> {
  const folder = (name: string): string => join(node.dir, name);
  for (const name of ["tpm", "state", "run"]) await mkdir(folder(name), { recursive: true, mode: 0o755 });
  const socket = join(folder("run"), "tpm.sock");
  await bootNode(node);
  await rm(socket, { force: true });
  supervisor.start({
    name: `${node.name} TPM`,
    ...insideNode(node, "swtpm", [
      ...["socket", "--tpm2", "--tpmstate", `dir=${folder("tpm")}`],
      ...["--server", `type=unixio,path=${socket}`],
      ...["--ctrl", `type=unixio,path=${socket}.ctrl`],
      ...["--flags", "startup-clear,not-need-init"],
    ]),
    logFile: join(node.dir, "tpm.log"),
  });
  supervisor.start({
    name: `${node.name} engine`,
    ...insideBootedNode(node, nodeBinary, [
      programMain("engine"),
      ...["--config", folder("config"), "--state", folder("state"), "--run", folder("run")],
      ...["--tpm", `swtpm:${socket}`, "--guest", guestDir],
    ]),
    logFile: join(node.dir, "engine.log"),
  });
}

/** The pair that local nodes enrol with, kept so that nodes added later are admitted by the same profile. */
async function onboardingPair(dir: string, clock: Clock): Promise<OnboardingPair> {
  const files = [join(dir, "onboard.cert.pem"), join(dir, "onboard.key.pem")] as const;
  try {
    return { certificate: await readFile(files[0], "utf8"), key: await readFile(files[1], "utf8") };
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
  const pair = await makeOnboardingPair("local nodes", new Date(clock.now()));
  // The key first: a certificate without its key would be taken for a whole pair.
  await writeFile(files[1], pair.key, { mode: 0o600 });
  await writeFile(files[0], pair.certificate, { mode: 0o600 });
  return pair;
}
