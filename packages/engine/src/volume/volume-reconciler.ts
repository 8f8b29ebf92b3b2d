import {
  after,
  type BackoffPolicy,
  backoffDelay,
  type Clock,
  describeError,
  type Instant,
  instant,
  type Log,
  type Millis,
  millis,
  minutes,
  type Random,
  seconds,
} from "@selvedge/base";
import { lookAgain, type Outcome, type Reconciler, settled } from "@selvedge/reconcile";
import { numberIn, switchIn } from "../control/settings/config-items.ts";
import type { DesiredState, VolumeKey, VolumeSpec } from "../desired.ts";
import { volumeKey } from "../desired.ts";
import type { EngineStore } from "../engine-store.ts";
import { type Disk, DiskFullError } from "../host/disk.ts";
import type { ContentStatus, VolumeUsers } from "../observed.ts";
import type { Vault } from "../ports.ts";
import { unreadable, unreadText } from "../unread.ts";
import { type SnapshotStep, snapshotUsesOf } from "./snapshot-plan.ts";
import { BadVolumeError, type VolumeDriver } from "./volume-driver.ts";
import { VolumeFiles } from "./volume-files.ts";
import { makeVolume, putVolume, type Sized, sizeVolume } from "./volume-maker.ts";
import {
  type Failure,
  planVolume,
  retryLongest,
  type StoredVolume,
  shortBytes,
  usesOf,
  type VolumeUses,
} from "./volume-plan.ts";
import { actOnSnapshot } from "./volume-snapshots.ts";

export interface VolumeParts {
  readonly store: Pick<EngineStore, "desired" | "contents" | "apps" | "volumes">;
  readonly disk: Disk;
  readonly files: VolumeFiles;
  readonly driver: VolumeDriver;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Room may be made by anybody at any time. */
const fullBackoff: BackoffPolicy = { first: seconds(10), max: minutes(5) };
/** What is wrong with an image is mended by another image. */
const badBackoff: BackoffPolicy = { first: minutes(1), max: retryLongest };
/** How often it is looked how much of the disk a volume takes. */
const measureEvery = minutes(1);
const messageMax = 1024;

/** Makes volumes, tells what they hold, and removes those that nobody wants and no app runs on. */
export class VolumeReconciler implements Reconciler<VolumeKey> {
  readonly name = "volume";
  readonly reads: readonly string[] = ["desired", "contents", "apps"];
  readonly writes: readonly string[] = ["volumes"];
  readonly #parts: VolumeParts;
  readonly #stored = new Map<VolumeKey, StoredVolume>();
  readonly #used = new Map<VolumeKey, number>();
  /** Promised to volumes that are being made side by side. */
  readonly #promised = new Map<VolumeKey, number>();
  readonly #failures = new Map<VolumeKey, Failure>();
  readonly #users = new Map<VolumeKey, VolumeUsers>();
  /** Made by an earlier engine and not handed out by this one. */
  readonly #untouched = new Set<VolumeKey>();
  /** What was found and nobody has wanted since, and when that was. */
  readonly #strange = new Map<VolumeKey, Millis>();
  /** Why snapshots could not be taken or removed, by name; they are not tried again by this engine. */
  readonly #untaken = new Map<VolumeKey, ReadonlyMap<string, string>>();

  constructor(parts: VolumeParts) {
    this.#parts = parts;
  }

  /** Knows again what an earlier engine made; `machines` says whether some of its machines go on. */
  async load(machines: boolean): Promise<void> {
    for (const volume of await this.#parts.files.load()) {
      this.#stored.set(volume.key, volume);
      this.#strange.set(volume.key, this.#parts.clock.monotonic());
      if (!machines) this.#untouched.add(volume.key);
    }
  }

  get keys(): Iterable<VolumeKey> {
    return this.#stored.keys();
  }

  async reconcile(key: VolumeKey, signal: AbortSignal): Promise<Outcome> {
    const { store, clock, vault } = this.#parts;
    const desired = store.desired.get();
    // Without a configuration nothing is known to be unwanted.
    if (desired === undefined) return settled;
    const wanted = desired.volumes.find((spec) => volumeKey(spec) === key);
    const content = wanted?.contentId === undefined ? undefined : store.contents.get(wanted.contentId);
    const uses = usesOf(
      key,
      desired,
      store.apps.entries().map(([, app]) => app),
    );
    if (wanted !== undefined || uses.apps.size > 0) this.#strange.delete(key);
    const step = planVolume({
      ...{ wanted, content, uses, spared: this.#sparedFor(key, desired) },
      stored: this.#stored.get(key),
      failure: this.#failures.get(key),
      vault: vault.state,
      untouched: this.#untouched.has(key),
      snapshots: snapshotUsesOf(
        key,
        store.apps.entries().map(([, app]) => app),
      ),
      failedSnapshots: new Set(this.#untaken.get(key)?.keys()),
      now: clock.now(),
    });
    switch (step.do) {
      case "spare":
        return lookAgain("its configuration may come yet", millis(Math.min(step.wait, measureEvery)));
      case "remove":
        return await this.#remove(key);
      case "miss":
        store.volumes.set(key, missing);
        return settled;
      case "refuse":
        store.volumes.set(key, { ...missing, reason: unreadable, message: unreadText(step.unread) });
        return settled;
      case "snapshot":
        return await this.#snapshot(step.stored, step.step, uses, desired, signal);
      case "wait":
        store.volumes.set(key, { phase: "waiting" });
        return settled;
      case "backOff":
        store.volumes.set(key, step.failure);
        return lookAgain(step.failure.reason, step.wait);
      case "format":
        return await this.#try(key, async () => await this.#format(step.stored, signal), uses);
      case "seal":
        store.volumes.set(key, { phase: "creating" });
        return await this.#try(key, async () => await this.#seal(step.stored, signal), uses);
      case "create":
        if (wanted === undefined) return settled;
        return await this.#try(
          key,
          async () => await this.#create(key, wanted, content, uses, desired, signal),
          uses,
        );
      case "ready":
        return await this.#ready(step.stored, uses);
    }
  }

  #sparedFor(key: VolumeKey, { settings, volumes }: DesiredState): Millis {
    // Whether its entry means this generation is not known while it cannot be read.
    if (volumes.some(({ id, unread }) => unread !== undefined && key.startsWith(`${id}#`)))
      return measureEvery;
    const found = this.#strange.get(key);
    if (found === undefined) return millis(0);
    const longest = seconds(numberIn(settings, "timer.gc.vdisk"));
    return millis(Math.max(0, found + longest - this.#parts.clock.monotonic()));
  }

  async #remove(key: VolumeKey): Promise<Outcome> {
    const { files, store, log } = this.#parts;
    await files.remove(key);
    if (this.#stored.delete(key)) log.info("volume is removed", { volume: key });
    for (const kept of [
      this.#used,
      this.#failures,
      this.#users,
      this.#untouched,
      this.#untaken,
      this.#strange,
    ])
      kept.delete(key);
    store.volumes.delete(key);
    return settled;
  }

  async #ready(volume: StoredVolume, uses: VolumeUses): Promise<Outcome> {
    const { store, disk, driver } = this.#parts;
    const { key, filesystem, maxBytes, createdAt, sealed = false, snapshots = [], restored } = volume;
    this.#failures.delete(key);
    this.#untouched.delete(key);
    let usedBytes = await driver.usedBytes(VolumeFiles.image(volume));
    if (!sealed)
      for (const name of snapshots) usedBytes += await driver.usedBytes(VolumeFiles.copy(key, name));
    const untaken = this.#untaken.get(key);
    this.#used.set(key, usedBytes);
    const users = this.#count(key, uses.apps.size);
    const path = disk.absolute(VolumeFiles.image(volume));
    const about = { path, sealed, filesystem, maxBytes, usedBytes, createdAt, users };
    store.volumes.set(key, {
      ...{ phase: "ready", ...about },
      ...(snapshots.length === 0 ? {} : { snapshots }),
      ...(restored === undefined ? {} : { restored }),
      ...(untaken === undefined ? {} : { untaken: Object.fromEntries(untaken) }),
    });
    return lookAgain("what a volume takes of the disk changes", measureEvery);
  }

  /** What is taken and does not succeed is told, and the app goes on; a way back is tried again. */
  async #snapshot(
    stored: StoredVolume,
    step: SnapshotStep,
    uses: VolumeUses,
    desired: DesiredState,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { store, log } = this.#parts;
    const { key, form, maxBytes } = stored;
    store.volumes.set(key, { phase: "creating" });
    const act = async (): Promise<StoredVolume> => {
      const keep = async (it: StoredVolume): Promise<StoredVolume> => await this.#keep(it);
      const secret = stored.sealed === true ? this.#secret(key) : undefined;
      return await actOnSnapshot({ ...this.#parts, keep }, stored, step, secret, signal);
    };
    if (step.act === "restore") return await this.#try(key, act, uses);
    try {
      // What is written from now on takes room beside what is kept.
      const promised = step.act === "take" && form !== "image";
      await this.#reserve(key, { maxBytes, promised }, desired);
      await act();
      log.info("snapshot of a volume", { volume: key, act: step.act, name: step.name });
    } catch (error) {
      if (!(error instanceof BadVolumeError) && !(error instanceof DiskFullError)) throw error;
      const why = describeError(error).slice(0, messageMax);
      log.warn("snapshot of a volume failed", { volume: key, act: step.act, name: step.name, error: why });
      this.#untaken.set(key, new Map([...(this.#untaken.get(key) ?? []), [step.name, why]]));
    } finally {
      this.#promised.delete(key);
    }
    return await this.reconcile(key, signal);
  }

  async #create(
    key: VolumeKey,
    spec: VolumeSpec,
    content: ContentStatus | undefined,
    uses: VolumeUses,
    desired: DesiredState,
    signal: AbortSignal,
  ): Promise<StoredVolume> {
    const { clock, log, store } = this.#parts;
    store.volumes.set(key, { phase: "creating" });
    const ready = content?.phase === "ready" ? content : undefined;
    const sized = await sizeVolume(this.#parts, spec, ready, signal);
    await this.#reserve(key, sized, desired);
    try {
      const { mounted } = uses;
      const secret = this.#secret(key);
      const made = await makeVolume(
        this.#parts,
        { key, spec, content: ready, sized, mounted, secret },
        signal,
      );
      const stored = await this.#keep({ ...made, createdAt: clock.now() });
      log.info("volume is made", { volume: key, form: stored.form, bytes: stored.maxBytes });
      return stored;
    } finally {
      this.#promised.delete(key);
    }
  }

  /** A volume that was made before somebody wanted it mounted gets its file system when it has held nothing yet. */
  async #format(stored: StoredVolume, signal: AbortSignal): Promise<StoredVolume> {
    const { driver } = this.#parts;
    const { key, maxBytes: bytes } = stored;
    const secret = stored.sealed === true ? this.#secret(key) : undefined;
    // What an app has put on it as a disk is not thrown away; a file system of its own may be mounted as well.
    if (await driver.isBlank({ path: VolumeFiles.image(stored), bytes, secret }))
      await putVolume(
        this.#parts,
        { key, bytes, secret },
        async (image) => await driver.filesystem(image, signal),
      );
    return await this.#keep({ ...stored, filesystem: true });
  }

  /** What an earlier engine left for everybody to read. */
  async #seal(stored: StoredVolume, signal: AbortSignal): Promise<StoredVolume> {
    const { driver, disk, log } = this.#parts;
    const { key, maxBytes: bytes } = stored;
    const [raw, secret] = [VolumeFiles.image(stored), this.#secret(key)];
    await putVolume(
      this.#parts,
      { key, bytes, secret },
      async (image) => await driver.convert(raw, "raw", image, signal),
    );
    // A crash before this leaves the raw one, and the other is cleared away.
    const { snapshots: _, ...rest } = stored;
    const sealed = await this.#keep({ ...rest, sealed: true });
    await disk.remove(raw);
    // What was kept in clear would be what the seal is against.
    await this.#parts.files.removeCopies(key);
    log.info("volume is sealed", { volume: key });
    return sealed;
  }

  /** Undefined on a node without a vault. */
  #secret(key: VolumeKey): string | undefined {
    const { vault } = this.#parts;
    const secret = vault.secretFor(`volume ${key}`);
    if (secret === undefined && vault.state !== "off") throw new Error("the vault is not open");
    return secret;
  }

  async #keep(stored: StoredVolume): Promise<StoredVolume> {
    await this.#parts.files.store(stored);
    this.#stored.set(stored.key, stored);
    return stored;
  }

  /** Keeps room for all that the volumes together may come to hold, unless the configuration says otherwise. */
  async #reserve(key: VolumeKey, { maxBytes, promised }: Sized, desired: DesiredState): Promise<void> {
    if (!promised || switchIn(desired.settings, "storage.apps.ignore.disk.check")) return;
    const { bytes: free } = await this.#parts.disk.free();
    // From here to the promise nothing awaits, so that no two passes give the same room away.
    const made = [...this.#stored.values()]
      .filter(({ form }) => form !== "image")
      .map(({ key: other, maxBytes: bytes, snapshots = [] }) => ({
        maxBytes: bytes * (1 + snapshots.length),
        usedBytes: this.#used.get(other) ?? 0,
      }));
    const coming = [...this.#promised.values()].map((bytes) => ({ maxBytes: bytes, usedBytes: 0 }));
    const short = shortBytes(maxBytes, free, [...made, ...coming]);
    if (short > 0)
      throw new DiskFullError(
        `the volume may need ${maxBytes} bytes, ${Math.max(0, maxBytes - short)} are free`,
      );
    this.#promised.set(key, maxBytes);
  }

  async #try(key: VolumeKey, work: () => Promise<StoredVolume>, uses: VolumeUses): Promise<Outcome> {
    const { clock, random, log, store } = this.#parts;
    try {
      return await this.#ready(await work(), uses);
    } catch (error) {
      const bad = error instanceof BadVolumeError;
      if (!bad && !(error instanceof DiskFullError)) throw error;
      // Room is needed more than what nobody has asked for.
      if (!bad) this.#strange.clear();
      const before = this.#failures.get(key);
      const failures = (before?.failures ?? 0) + 1;
      const delay = backoffDelay(bad ? badBackoff : fullBackoff, failures, random);
      const failure: Failure = {
        phase: "failed",
        reason: bad ? "BadVolume" : "DiskFull",
        message: describeError(error).slice(0, messageMax),
        ...{ failures, retryAt: after(clock.now(), delay) },
      };
      log.warn("volume cannot be made", { volume: key, error: failure.message });
      this.#failures.set(key, failure);
      store.volumes.set(key, failure);
      return lookAgain(failure.reason, delay);
    }
  }

  #count(key: VolumeKey, count: number): VolumeUsers {
    const before = this.#users.get(key);
    const since: Instant = this.#parts.clock.now();
    const users = before?.count === count ? before : { count, since };
    this.#users.set(key, users);
    return users;
  }
}

/** What an app may go back to is lost: nothing is made in its place. */
const missing: Failure = {
  ...{ phase: "failed", reason: "VolumeMissing", failures: 1, retryAt: instant(0) },
  message: "the volume is not there any more, and the configuration does not describe it",
};
