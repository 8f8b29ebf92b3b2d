/** One layer of an image as it was fetched and verified. */
export interface FetchedLayer {
  /** Relative to the engine's state folder, as the Disk port takes it. */
  readonly path: string;
  readonly mediaType: string;
}

/**
 * What the content domain asks of the machine beyond plain files: the real one runs sqfstar, the simulated
 * one writes a small marker.
 */
export interface ImageBuilder {
  /** Hex SHA-256 of a file. */
  sha256(path: string, signal: AbortSignal): Promise<string>;
  /**
   * Flattens the layers (lowest first) into one read-only file system at `target`, which is not yet
   * durable.
   */
  build(layers: readonly FetchedLayer[], target: string, signal: AbortSignal): Promise<void>;
}

/** The image can never become a file system, however often it is fetched. */
export class BadImageError extends Error {
  override name = "BadImageError";
}
