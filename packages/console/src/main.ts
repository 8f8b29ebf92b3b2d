/** The console as a program: finds its kubeconfig, serves the page until it is told to stop. */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { argumentFault, describeError, formatRecord, Log, SystemClock, SystemRandom } from "@selvedge/base";
import { credentialsOf } from "@selvedge/client";
import { parse } from "yaml";
import { FlagError, type Flags, parseFlags, usage } from "./flags.ts";
import { readAssets } from "./server/assets.ts";
import { ConsoleServer } from "./server/console-server.ts";
import { Upstream } from "./server/upstream.ts";

const clock = new SystemClock();
const random = new SystemRandom();
const log = new Log("console", clock, (record) => {
  if (record.level !== "debug") process.stderr.write(`${formatRecord(record)}\n`);
});

async function run({ kubeconfig, port }: Flags): Promise<void> {
  const stopped = new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.once(signal, resolve);
  });
  const file = kubeconfig ?? (process.env["KUBECONFIG"] || join(homedir(), ".selvedge", "kubeconfig"));
  using upstream = new Upstream(credentialsOf(parse(readKubeconfig(file)), file));
  await using server = new ConsoleServer({
    ...{ assets: readAssets(), upstream, clock, random, log },
    onOpened: (address) => say(`Opened. For another browser: ${address}`),
  });
  await listen(server, port);
  say(`The console of ${upstream.server} (${file}), until Ctrl-C. Open it with:\n  ${server.address}`);
  await stopped;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function readKubeconfig(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const mend = "name one with --kubeconfig, or start a local system with ./selvedge up";
    throw new FlagError(`${describeError(error)}; ${mend}`, { cause: error });
  }
}

async function listen(server: ConsoleServer, port: number): Promise<void> {
  try {
    await server.listen(port);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "EADDRINUSE") throw new FlagError(`--port: ${port} is in use; choose another, or 0`);
    if (code === "EACCES") throw new FlagError(`--port: ${port} needs more rights; choose one above 1023`);
    throw error;
  }
}

try {
  const flags = parseFlags(process.argv.slice(2));
  if (flags === "help") process.stdout.write(usage);
  else await run(flags);
} catch (error) {
  const fault = argumentFault(error, "console");
  process.stderr.write(`selvedge console: ${fault ?? describeError(error)}\n`);
  process.exitCode = error instanceof FlagError || fault !== undefined ? 2 : 1;
}
