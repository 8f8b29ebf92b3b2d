/** What a configuration asks of an app's snapshots: states of its volumes that it can go back to. */
export interface SnapshotWish {
  /** Those that there are to be, in the configuration's order; others go. */
  readonly named: readonly { readonly id: string; readonly kind: SnapshotKind }[];
  /** More than this are not kept: the oldest go first. */
  readonly most: number;
  /** Grows with each command to go back. */
  readonly counter: number;
  /** Where to. */
  readonly target: string;
}

/** `update`: taken when the app is about to be changed; `now`: at once; `unknown`: the configuration does not say. */
export type SnapshotKind = "update" | "now" | "unknown";
