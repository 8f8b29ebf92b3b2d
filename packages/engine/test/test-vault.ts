import { createHash } from "node:crypto";
import type { Vault, VaultState } from "../src/ports.ts";

/** A vault whose door the test turns. */
export class TestVault implements Vault {
  #state: VaultState;
  readonly #listeners = new Set<() => void>();

  constructor(state: VaultState) {
    this.#state = state;
  }

  get state(): VaultState {
    return this.#state;
  }

  set state(state: VaultState) {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }

  secretFor(what: string): string | undefined {
    return this.#state === "open" ? createHash("sha256").update(what).digest("base64") : undefined;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
