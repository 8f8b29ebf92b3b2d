import { describeError } from "@selvedge/base";
import type { AppId, ContentId, PatchArtifact, PatchSpec } from "../desired.ts";
import type { EngineStore } from "../engine-store.ts";
import type { ArtifactOpener } from "../ports.ts";
import { PatchUsage, type PatchView, viewPatch } from "./patches.ts";

/** The patch envelopes of the newest configuration, and how apps use them. */
export class PatchBook {
  readonly #store: EngineStore;
  readonly #opener: ArtifactOpener;
  readonly #usage = new PatchUsage();

  constructor(store: EngineStore, opener: ArtifactOpener) {
    this.#store = store;
    this.#opener = opener;
  }

  /** Those that an app may have now, with all that is sealed opened; whoever asked forgets it with the answer. */
  async of(app: AppId): Promise<PatchView[]> {
    const mine = this.#patches.filter(({ active, apps }) => active && apps.includes(app));
    const views = await Promise.all(mine.map((spec) => this.#view(spec)));
    return views.filter(({ status }) => status.state === "active");
  }

  count(app: AppId, patch: PatchSpec, what: "asked" | "downloaded"): void {
    this.#usage.count(app, patch, what);
  }

  /** For the app's metrics. */
  usage(app: AppId): { readonly patch: PatchSpec; readonly asked: number; readonly downloaded: number }[] {
    return this.#patches
      .filter(({ apps }) => apps.includes(app))
      .map((patch) => ({ patch, ...this.#usage.of(app, patch) }));
  }

  /** Writes how each stands. */
  async refresh(): Promise<void> {
    const patches = this.#patches;
    this.#usage.keep(patches);
    const views = await Promise.all(patches.map((spec) => this.#view(spec)));
    const wanted = new Set(patches.map(({ id }) => id));
    for (const key of this.#store.patches.keys()) if (!wanted.has(key)) this.#store.patches.delete(key);
    for (const { spec, status } of views) this.#store.patches.set(spec.id, status);
  }

  get #patches(): readonly PatchSpec[] {
    return this.#store.desired.get()?.patches ?? [];
  }

  async #view(spec: PatchSpec): Promise<PatchView> {
    const faults = [...spec.faults];
    const artifacts: PatchArtifact[] = [];
    for (const artifact of spec.artifacts) {
      if (artifact.kind !== "sealed" && artifact.sealedMeta === undefined) {
        artifacts.push(artifact);
        continue;
      }
      try {
        artifacts.push(await this.#opener.openArtifact(artifact));
      } catch (error) {
        faults.push(`an encrypted artifact cannot be opened: ${describeError(error)}`);
      }
    }
    const desired = this.#store.desired.get();
    if (desired === undefined) throw new Error("there is no configuration");
    return viewPatch(spec, artifacts, faults, desired, (id) => this.#store.contents.get(id as ContentId));
  }
}
