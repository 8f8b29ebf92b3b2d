/** Who may look at the node from afar, and at what of it. */
export interface EdgeviewSpec {
  /** A JWT by the controller. */
  readonly token: string;
  /** Roots of the dispatcher, as PEM; none: the system's. */
  readonly certificates: readonly string[];
  readonly allowDevice: boolean;
  readonly allowApp: boolean;
  readonly allowExternal: boolean;
  /** Another number starts all sessions anew. */
  readonly generation: number;
}
