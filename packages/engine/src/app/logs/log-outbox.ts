import type { AppId } from "../../desired.ts";
import type { AppLogOutbox, LogLine } from "../../ports.ts";
import type { AppLogs } from "./app-logs.ts";

type Instances = ReadonlyMap<AppId, { readonly logs: AppLogs }>;

/** What apps wrote and the controller does not have, over all apps. */
export class LogOutbox implements AppLogOutbox {
  readonly #listeners = new Set<() => void>();
  #instances: Instances = new Map();

  follow(instances: Instances): void {
    this.#instances = instances;
  }

  /** Called by the logs after each write. */
  written(): void {
    for (const listener of this.#listeners) listener();
  }

  onWritten(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  pending(): readonly AppId[] {
    return [...this.#instances].filter(([, { logs }]) => logs.pending).map(([id]) => id);
  }

  async next(id: AppId, bytesMax: number): Promise<readonly LogLine[]> {
    return (await this.#instances.get(id)?.logs.next(bytesMax)) ?? [];
  }

  async sent(id: AppId, sequence: number): Promise<void> {
    await this.#instances.get(id)?.logs.sent(sequence);
  }
}
