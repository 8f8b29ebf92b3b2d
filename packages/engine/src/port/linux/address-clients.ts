import { type ChildProcess, spawn } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { list, readText } from "../../network/linux/run.ts";
import { dhcpcdConfig, leaseScript, type PortLease, parseLease } from "./leases.ts";

export type Family = "ipv4" | "ipv6";

export interface AddressWish {
  readonly families: readonly Family[];
  /** Of IPv4 nothing is said of who asks. */
  readonly hidesVendor?: boolean;
}

/** How long a card that asks for an address is waited for: a trial of the ports has time for more than that. */
const askMs = 20_000;
/** Two ends of a wire take a few seconds to agree on how to speak. */
const carrierMs = 8_000;
/** How much longer for one of the other family. */
const otherMs = 3_000;
const pollMs = 50;

/** Those who ask a card's network for addresses: busybox' udhcpc for IPv4, dhcpcd for IPv6. */
export class AddressClients implements AsyncDisposable {
  readonly #folder: string;
  readonly #clients = new Map<string, ChildProcess>();
  /** Those that do not say what they are. */
  readonly #hidden = new Set<string>();
  /** Why one could not be started, by card and family. */
  readonly #failed = new Map<string, string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Starts who asks, unless it asks already, and waits for the first answer. Rejects where nobody could be
   * asked.
   */
  async ask(
    card: string,
    { families, hidesVendor = false }: AddressWish,
    has: (family: Family) => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<void> {
    let fresh = false;
    for (const family of families) if (await this.#start(card, family, hidesVendor)) fresh = true;
    let first: number | undefined;
    for (let waited = 0; waited < askMs; waited += pollMs) {
      signal.throwIfAborted();
      if (waited >= carrierMs && !(await hasCarrier(card))) throw new Error(`${card} has no carrier`);
      const failures = families.flatMap((family) => this.#failed.get(`${card}/${family}`) ?? []);
      if (failures.length === families.length) throw new Error(failures.join("; "));
      const here = await Promise.all(families.map(has));
      if (here.every((it) => it)) return;
      if (here.some((it) => it)) first ??= waited;
      const patient = fresh && failures.length === 0;
      if (first !== undefined && (!patient || waited - first >= otherMs)) return;
      await setTimeout(pollMs);
    }
  }

  /** Ends those that nobody asked for. */
  async keep(wanted: (card: string, family: Family) => boolean): Promise<void> {
    for (const key of [...this.#clients.keys()]) {
      const [card = "", family] = key.split("/");
      if (!wanted(card, family as Family)) await this.#release(key);
    }
  }

  async lease(card: string): Promise<PortLease> {
    const file = this.#lease(card);
    const [dhcp, router, dhcp6] = await Promise.all(
      ["", ".router", ".dhcp6"].map((end) => readText(`${file}${end}`)),
    );
    return parseLease(card, dhcp, router, dhcp6);
  }

  /** They end with us; what they got stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.keep(() => false);
  }

  /** False when it asks already. */
  async #start(card: string, family: Family, hidesVendor: boolean): Promise<boolean> {
    const key = `${card}/${family}`;
    if (this.#clients.has(key) && this.#hidden.has(key) === hidesVendor) return false;
    await this.#release(key);
    if (hidesVendor) this.#hidden.add(key);
    else this.#hidden.delete(key);
    const script = join(this.#folder, "lease.sh");
    await writeFile(script, leaseScript, { mode: 0o755 });
    const lease = this.#lease(card);
    for (const end of family === "ipv4" ? [""] : [".router", ".dhcp6"])
      await rm(`${lease}${end}`, { force: true });
    let args = ["busybox", "udhcpc", "-f", "-i", card, "-s", script, "-t", "5", "-T", "2", "-A", "5"];
    // Unless it is told what to say, which may be nothing, it says which version it is.
    if (hidesVendor) args.push("-V", "");
    if (family === "ipv6") {
      const config = join(this.#folder, "dhcpcd.conf");
      await writeFile(config, dhcpcdConfig);
      args = ["dhcpcd", "-6", "-B", "-q", "-f", config, "-c", script, "-e", `LEASE=${lease}`, card];
    }
    const env = { PATH: process.env["PATH"] ?? "", LEASE: lease };
    // Whoever ends us without a word ends them too: nobody else would.
    const client = spawn("setpriv", ["--pdeathsig", "TERM", ...args], {
      ...{ stdio: ["ignore", "ignore", "pipe"], env },
    });
    let said = "";
    client.stderr?.on("data", (bytes: Buffer) => {
      said = `${said}${bytes}`.slice(-saidMax);
    });
    client.once("error", (error) => this.#failed.set(key, error.message));
    client.once("exit", (code) => {
      if (this.#clients.get(key) === client) this.#clients.delete(key);
      if (code !== 0 && code !== null) this.#failed.set(key, `${args[0]} ends with ${code}: ${said.trim()}`);
    });
    this.#failed.delete(key);
    this.#clients.set(key, client);
    return true;
  }

  async #release(key: string): Promise<void> {
    const client = this.#clients.get(key);
    this.#clients.delete(key);
    if (client === undefined || client.exitCode !== null || client.signalCode !== null) return;
    const gone = new Promise((resolve) => client.once("exit", resolve));
    client.kill("SIGTERM");
    await gone;
  }

  #lease(card: string): string {
    return join(this.#folder, `${card}.lease`);
  }
}

async function hasCarrier(card: string): Promise<boolean> {
  const [link] = await list<{ flags?: readonly string[] }>("ip", ["-j", "link", "show", "dev", card]);
  return link?.flags?.includes("LOWER_UP") ?? false;
}

/** Of what a program says before it gives up. */
const saidMax = 500;
