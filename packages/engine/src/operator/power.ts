/** The box's own power, as a port. What is asked of it takes the engine down with it. */
export interface PowerSwitch {
  /** Resolves when it is under way; a PowerError when this engine may not. */
  reboot(): Promise<void>;
  powerOff(): Promise<void>;
  /** The controller answers, for the first time since the engine began: a system on trial has proved itself. */
  proven?(): Promise<void>;
}

/** The box stays on: the engine has no right to it. */
export class PowerError extends Error {
  override name = "PowerError";
}
