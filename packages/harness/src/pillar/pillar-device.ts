/**
 * A box with EVE on it, in a world: what lasts (keys, disk, TPM), and one boot after another on it.
 *
 *   const device = await PillarDevice.make({ world, name: "shop-1" });
 *   device.powerOn();
 *   await world.live(hours(24));
 *   assert.deepEqual(device.faults, []);
 *
 * It does what EVE's agent is known to do, and holds the controller to it: what that agent would drop,
 * misread, wait for in vain or crash on is a fault. Written from what is known of the agent, with no code of
 * our own engine.
 */
import { type Millis, millis, minutes, type Random, SeededRandom, seconds } from "@selvedge/base";
import { Life } from "../life.ts";
import { controllerHost } from "../sim-controller.ts";
import type { World } from "../world.ts";
import { PillarAgent } from "./pillar-agent.ts";
import type { WireAnswer } from "./pillar-connection.ts";
import type { PillarDisk } from "./pillar-disk.ts";
import { type KeyPair, makePillarKeys, type PillarKeys } from "./pillar-keys.ts";
import { PillarTpm } from "./pillar-tpm.ts";
import { Strictness } from "./strictness.ts";

export interface PillarDeviceOptions {
  readonly world: World;
  readonly name: string;
  readonly onboarding: KeyPair;
  readonly hasTpm: boolean;
}

/** EVE's own patience with a request over all ports. */
const requestMs: Millis = minutes(4);
const rebootTakes = seconds(60);

export class PillarDevice {
  readonly name: string;
  readonly keys: PillarKeys;
  readonly disk: PillarDisk = {
    ...{ uuid: undefined, certs: undefined, lastConfig: undefined },
    vault: { key: undefined, sealedTo: "", escrowed: false },
    counters: { reboot: undefined, shutdown: undefined },
    logs: [],
  };
  /** Answers of all boots, by endpoint and status. */
  readonly answers: Map<string, number> = new Map<string, number>();
  readonly #options: PillarDeviceOptions;
  readonly #strict: Strictness;
  readonly #random: Random;
  readonly #tpm: PillarTpm | undefined;
  #version = "14.5.0";
  #life: Life | undefined;
  #agent: PillarAgent | undefined;
  boots = 0;

  static async make(options: PillarDeviceOptions): Promise<PillarDevice> {
    return new PillarDevice(options, await makePillarKeys(options.name, options.world.clock.now()));
  }

  private constructor(options: PillarDeviceOptions, keys: PillarKeys) {
    const { world, name, hasTpm } = options;
    this.#options = options;
    this.name = name;
    this.keys = keys;
    this.#strict = new Strictness(() => `${name} at ${new Date(world.clock.now()).toISOString()}`);
    this.#random = new SeededRandom(Math.floor(world.random.next() * 2 ** 32));
    this.#tpm = hasTpm ? new PillarTpm(keys.attestation) : undefined;
  }

  get agent(): PillarAgent {
    if (this.#agent === undefined) throw new Error(`${this.name} is off`);
    return this.#agent;
  }

  get isOn(): boolean {
    return this.#life !== undefined;
  }

  /** In hexadecimal; empty without a TPM. */
  register(index: number): string {
    return this.#tpm?.register(index) ?? "";
  }

  /** What the controller did that a device of EVE cannot live with. */
  get faults(): readonly string[] {
    return this.#strict.faults;
  }

  powerOn(): void {
    if (this.#life !== undefined) return;
    const { world, name, onboarding } = this.#options;
    const life = new Life(world.clock);
    this.#life = life;
    this.boots++;
    this.#tpm?.boot(this.#version);
    const { http } = world.network.plug(name);
    const lent = life.lend(http);
    this.#agent = new PillarAgent({
      ...{ clock: life.clock, random: this.#random, strict: this.#strict, keys: this.keys, onboarding },
      ...{ root: world.controller.rootCertificate, serial: name, disk: this.disk, tpm: this.#tpm },
      ...{ version: this.#version, boots: this.boots },
      wire: async (method, path, headers, body) => {
        const url = `https://${controllerHost}${path}`;
        const answer = await lent.send({ method, url, headers, body, timeoutMs: requestMs });
        const parts: Uint8Array[] = [];
        for await (const part of answer.body) parts.push(part);
        return { ...answer, body: new Uint8Array(Buffer.concat(parts)) } satisfies WireAnswer;
      },
      reboot: () => this.reboot(),
    });
    this.#agent.start();
  }

  powerOff(): void {
    this.#life?.end();
    this.#life = undefined;
    this.#collect();
  }

  reboot(): void {
    if (this.#life === undefined) return;
    this.powerOff();
    this.#options.world.clock.setTimer(rebootTakes, () => this.powerOn());
  }

  /** Another system from the next boot on: what the TPM measures is another, too. */
  update(version: string): void {
    this.#version = version;
    this.reboot();
  }

  /** Off for a while. */
  powerCut(off: Millis): void {
    this.powerOff();
    this.#options.world.clock.setTimer(millis(off), () => this.powerOn());
  }

  #collect(): void {
    for (const [what, count] of this.#agent?.connection.answers ?? []) {
      this.answers.set(what, (this.answers.get(what) ?? 0) + count);
    }
    this.#agent?.connection.answers.clear();
  }

  /** All answers there were so far. */
  counted(): ReadonlyMap<string, number> {
    this.#collect();
    return this.answers;
  }
}
