import type { Guest } from "../hypervisor.ts";

/** Where a probe or hook acts: one container of a machine. */
export interface ActionTarget {
  readonly guest: Guest;
  readonly index: number;
  readonly user: string;
  readonly env: readonly string[];
  readonly cwd: string;
  readonly podIp: string;
}

/** `warning`: it was no failure, but not what was asked for either. */
export type ActionResult =
  | { readonly ok: true; readonly warning?: string }
  | { readonly ok: false; readonly message: string };
