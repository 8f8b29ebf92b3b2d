import type { AccessRule } from "../desired.ts";

/** An app's end of a network, as the rules for packets know it. */
export interface Plug {
  readonly tap: string;
  readonly bridge: string;
  readonly mac: string;
  /** Empty where the node gives none. */
  readonly address: string;
  readonly rules: readonly AccessRule[];
  /** Networks behind the app, which speaks for them. */
  readonly behind: readonly string[];
}
