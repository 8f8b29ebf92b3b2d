/** `./selvedge sim`: many simulated nodes that speak the real protocol to a real controller. */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import {
  argumentFault,
  describeError,
  formatRecord,
  Log,
  millis,
  SystemClock,
  seconds,
  sleep,
} from "@selvedge/base";
import { NodeHttpClient, WsLinkDialer } from "@selvedge/engine";
import { type Admission, admitThroughApi, forget, givenAdmission } from "./fleet/admission.ts";
import { FleetNode, startAfter } from "./fleet/fleet-node.ts";
import { KubeClient } from "./real/kube-client.ts";

const help = `Usage: ./selvedge sim --nodes N [--controller URL] [OPTION]…

Runs N simulated nodes in one process. Each is the engine itself on a simulated disk and hypervisor; it enrols, keeps a
link, takes configurations, "runs" what is deployed to it and reports, over the real network. Ctrl-C ends them.

  --nodes N            how many (default 10)
  --controller URL     the node API, https://HOST:PORT; with --dir the one of that system
  --dir DIR            a folder of "up": admits the nodes through its API, and removes them at the end
  --onboarding-cert FILE, --onboarding-key FILE, --root FILE
                       for a controller elsewhere: a pair one of its enrollment profiles admits, and its root
  --prefix TEXT        serials are TEXT-1, TEXT-2, … (default: sim and four digits of chance)
  --ramp SECONDS       over how long they arrive (default: N / 50)`;

const clock = new SystemClock();
const log = new Log("sim", clock, (record) => void process.stderr.write(`${formatRecord(record)}\n`));
const tellEvery = seconds(5);
/** Engines that start at one time: each makes keys and shakes hands, and all share one thread. */
const startingMax = 16;
const nodesMax = 20_000;
const arrivalsPerSecond = 50;

interface Options {
  readonly nodes: number;
  readonly prefix: string;
  readonly rampMs: number;
}

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      nodes: { type: "string", default: "10" },
      controller: { type: "string" },
      dir: { type: "string" },
      "onboarding-cert": { type: "string" },
      "onboarding-key": { type: "string" },
      root: { type: "string" },
      prefix: { type: "string", default: `sim${Math.floor(1000 + Math.random() * 9000)}` },
      ramp: { type: "string" },
      yes: { type: "boolean", short: "y" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    process.stdout.write(`${help}\n`);
    return 0;
  }
  const nodes = Number(values.nodes);
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > nodesMax) {
    return complain(`--nodes must be a whole number from 1 to ${nodesMax}`);
  }
  const ramp = Number(values.ramp ?? nodes / arrivalsPerSecond);
  if (!(ramp >= 0)) return complain("--ramp must be a number of seconds");
  if (!/^[a-z0-9-]{1,40}$/.test(values.prefix))
    return complain("--prefix: lower-case letters, digits and - only");
  const options = { nodes, prefix: values.prefix, rampMs: ramp * 1000 };
  const { dir, controller, root } = values;
  const [certificate, key] = [values["onboarding-cert"], values["onboarding-key"]];
  if (dir !== undefined) {
    using client = await KubeClient.open(join(resolve(dir), "kubeconfig"));
    const baseUrl = controller ?? (await nodeApiOf(resolve(dir)));
    const admission = await admitThroughApi(client, baseUrl, options.prefix, clock.now());
    try {
      return await run(options, admission);
    } finally {
      await forget(client, options.prefix);
    }
  }
  if (controller === undefined || certificate === undefined || key === undefined || root === undefined) {
    return complain("give --dir, or all of --controller, --onboarding-cert, --onboarding-key and --root");
  }
  const [certificatePem = "", keyPem = "", rootPem = ""] = await Promise.all(
    [certificate, key, root].map((file) => readFile(file, "utf8")),
  );
  return await run(
    options,
    givenAdmission(controller, { certificatePem, keyPem }, new X509Certificate(rootPem)),
  );
}

async function nodeApiOf(dir: string): Promise<string> {
  const { plan } = JSON.parse(await readFile(join(dir, "up.json"), "utf8")) as {
    plan: { nodes: readonly unknown[]; bridgeAddress: string; devicePort: number };
  };
  const host = plan.nodes.length > 0 ? plan.bridgeAddress.replace(/\/.*/, "") : "127.0.0.1";
  return `https://${host}:${plan.devicePort}`;
}

async function run({ nodes, prefix, rampMs }: Options, enrolment: Admission): Promise<number> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  using http = new NodeHttpClient();
  const dialer = new WsLinkDialer();
  await using running = new AsyncDisposableStack();
  const fleet: FleetNode[] = [];
  const began = clock.monotonic();
  let next = 0;
  let failed = 0;
  const starter = async (): Promise<void> => {
    for (let index = next++; index < nodes; index = next++) {
      const wait = startAfter(index, nodes, rampMs) - (clock.monotonic() - began);
      if (wait > 0) await sleep(clock, millis(wait), stop.signal);
      stop.signal.throwIfAborted();
      const serial = `${prefix}-${index + 1}`;
      try {
        const node = await FleetNode.start({ serial, seed: index + 1, clock, log, http, dialer, enrolment });
        fleet.push(running.use(node));
      } catch (error) {
        failed++;
        log.error("a node could not start", { serial, error: describeError(error) });
      }
    }
  };
  const started = Promise.all(Array.from({ length: Math.min(nodes, startingMax) }, starter));
  await Promise.all([started, tell(fleet, nodes, stop.signal)]).catch(ignoreStop(stop.signal));
  process.stderr.write(`Stopping ${fleet.length} nodes…\n`);
  return failed === 0 ? 0 : 1;
}

/** A line now and then, and whenever something has changed, until the signal. */
async function tell(fleet: readonly FleetNode[], nodes: number, signal: AbortSignal): Promise<void> {
  let said = "";
  for (;;) {
    signal.throwIfAborted();
    const configured = fleet.filter(({ isConfigured }) => isConfigured).length;
    const apps = fleet.reduce((sum, { runningApps }) => sum + runningApps, 0);
    const line = `${configured} of ${nodes} nodes configured, ${apps} apps running`;
    if (line !== said) process.stdout.write(`${line}\n`);
    said = line;
    await sleep(clock, tellEvery, signal);
  }
}

function ignoreStop(signal: AbortSignal): (error: unknown) => void {
  return (error) => {
    if (!signal.aborted) throw error;
  };
}

function complain(text: string): number {
  process.stderr.write(`selvedge sim: ${text}\n\n${help}\n`);
  return 2;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const fault = argumentFault(error, "sim");
  process.stderr.write(`selvedge sim: ${fault ?? describeError(error)}\n`);
  process.exitCode = fault === undefined ? 1 : 2;
}
