/** Apps as a device reports them: each walks through EVE's states, and says each step. */
import type { Clock, Timer } from "@selvedge/base";
import { seconds } from "@selvedge/base";
import { type app, type config, info, type storage } from "@selvedge/eve-api";
import * as say from "./pillar-messages.ts";
import type { PillarQueue } from "./pillar-queue.ts";

const { ZSwState: State } = info;

/** What a new app goes through, a second or a few each. */
const start: readonly info.ZSwState[] = [
  State.INITIAL,
  State.RESOLVING_TAG,
  State.DOWNLOAD_STARTED,
  State.DOWNLOADED,
  State.VERIFYING,
  State.LOADING,
  State.DELIVERED,
  State.CREATING_VOLUME,
  State.INSTALLED,
  State.AWAITNETWORKINSTANCE,
  State.BOOTING,
  State.RUNNING,
];
const restart: readonly info.ZSwState[] = [State.RESTARTING, State.BOOTING, State.RUNNING];
const purge: readonly info.ZSwState[] = [State.PURGING, ...start.slice(2)];
const halt: readonly info.ZSwState[] = [State.HALTING, State.HALTED];
const machines: ReadonlySet<info.ZSwState> = new Set([
  ...[State.BOOTING, State.RUNNING, State.HALTING, State.RESTARTING],
]);
const stepTime = seconds(2);

/** The tag of an image that no registry has. */
export const missingTag = "missing";

function lacksImage({ volumes, contentInfo }: config.EdgeDevConfig, of: app.AppInstanceConfig): boolean {
  const contents = of.volumeRefList.map(
    ({ uuid }) => volumes.find((volume) => volume.uuid === uuid)?.origin?.downloadContentTreeID,
  );
  return contentInfo.some(({ uuid, URL }) => contents.includes(uuid) && URL.endsWith(`:${missingTag}`));
}

interface Instance {
  config: app.AppInstanceConfig;
  state: info.ZSwState;
  timer: Timer | undefined;
}

export interface AppsOptions {
  readonly clock: Clock;
  readonly queue: PillarQueue;
  readonly facts: () => say.DeviceFacts;
}

export class PillarApps {
  readonly #options: AppsOptions;
  readonly #instances = new Map<string, Instance>();
  /** How often each command was executed, by app and command. */
  readonly commands: Map<string, number> = new Map<string, number>();

  constructor(options: AppsOptions) {
    this.#options = options;
  }

  states(): ReadonlyMap<string, info.ZSwState> {
    return new Map([...this.#instances].map(([id, { state }]) => [id, state]));
  }

  running(): readonly app.AppInstanceConfig[] {
    return [...this.#instances.values()]
      .filter(({ state }) => state === State.RUNNING)
      .map(({ config: of }) => of);
  }

  apply(read: config.EdgeDevConfig): void {
    const wanted = new Map(read.apps.map((one) => [one.uuidandversion?.uuid ?? "", one]));
    for (const [id, instance] of [...this.#instances]) if (!wanted.has(id)) this.#remove(id, instance);
    for (const [id, one] of wanted) {
      const instance = this.#instances.get(id);
      if (instance === undefined) this.#add(id, one, read);
      else this.#change(instance, one, read);
    }
  }

  /** Says all again: a new epoch, or a boot. */
  repeat(): void {
    for (const instance of this.#instances.values()) this.#report(instance);
  }

  #add(id: string, of: app.AppInstanceConfig, read: config.EdgeDevConfig): void {
    const instance: Instance = { config: of, state: State.INITIAL, timer: undefined };
    this.#instances.set(id, instance);
    this.#reportParts(of, read, State.DOWNLOAD_STARTED);
    this.#walk(instance, start, read);
  }

  #change(instance: Instance, to: app.AppInstanceConfig, read: config.EdgeDevConfig): void {
    const was = instance.config;
    instance.config = to;
    const purged = was.purge?.counter !== to.purge?.counter;
    const restarted = was.restart?.counter !== to.restart?.counter;
    if (to.activate && was.activate && purged) this.#count(to, "purge");
    else if (to.activate && was.activate && restarted) this.#count(to, "restart");
    if (!to.activate) {
      // What has no machine yet goes on until it could start one.
      if (was.activate && machines.has(instance.state)) this.#walk(instance, halt, read);
    } else if (!was.activate) this.#walk(instance, start, read);
    else if (purged) this.#walk(instance, purge, read);
    else if (restarted) this.#walk(instance, restart, read);
    // A new version alone is reported, and acted on by nothing else.
    else if (was.uuidandversion?.version !== to.uuidandversion?.version) this.#report(instance);
  }

  #remove(id: string, { config: of, timer }: Instance): void {
    timer?.cancel();
    this.#instances.delete(id);
    const { queue, facts } = this.#options;
    queue.put(`app/${id}`, say.appInfo(facts(), of, undefined));
  }

  #walk(instance: Instance, states: readonly info.ZSwState[], read: config.EdgeDevConfig): void {
    instance.timer?.cancel();
    const [next, ...rest] = states;
    if (next === undefined) return;
    if (next === State.BOOTING && !instance.config.activate) {
      this.#enter(instance, State.HALTED);
      return;
    }
    this.#enter(instance, next);
    // Its registry does not have it, for as long as anybody asks.
    if (next === State.DOWNLOAD_STARTED && lacksImage(read, instance.config)) return;
    if (next === State.DELIVERED) this.#reportParts(instance.config, read, State.LOADED);
    instance.timer = this.#options.clock.setTimer(stepTime, () => this.#walk(instance, rest, read));
  }

  #enter(instance: Instance, state: info.ZSwState): void {
    instance.state = state;
    this.#report(instance);
  }

  #report({ config: of, state }: Instance): void {
    const { queue, facts } = this.#options;
    queue.put(`app/${of.uuidandversion?.uuid}`, say.appInfo(facts(), of, state));
  }

  #reportParts(
    { volumeRefList }: app.AppInstanceConfig,
    read: config.EdgeDevConfig,
    state: info.ZSwState,
  ): void {
    const { queue, facts } = this.#options;
    for (const { uuid } of volumeRefList) {
      const volume = read.volumes.find((one): one is storage.Volume => one.uuid === uuid);
      const content = read.contentInfo.find((one) => one.uuid === volume?.origin?.downloadContentTreeID);
      if (content) queue.put(`content/${content.uuid}`, say.contentInfo(facts(), content, state));
      if (volume) queue.put(`volume/${volume.uuid}`, say.volumeInfo(facts(), volume, state));
    }
  }

  #count({ uuidandversion }: app.AppInstanceConfig, command: string): void {
    const key = `${uuidandversion?.uuid} ${command}`;
    this.commands.set(key, (this.commands.get(key) ?? 0) + 1);
  }
}
