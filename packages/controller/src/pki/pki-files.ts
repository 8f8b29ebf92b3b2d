import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";

/**
 * Where keys and certificates are kept. Small texts, each replaced as a whole: after a power cut a name has
 * its old content or its new one.
 */
export interface PkiFiles {
  read(name: string): string | undefined;
  write(name: string, content: string): void;
}

/** A folder that only its owner may enter. */
export class FolderPkiFiles implements PkiFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  read(name: string): string | undefined {
    try {
      return readFileSync(join(this.#folder, name), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  write(name: string, content: string): void {
    const path = join(this.#folder, name);
    const temporary = `${path}.new`;
    withFile(temporary, "w", (file) => {
      writeSync(file, content);
      fsyncSync(file);
    });
    renameSync(temporary, path);
    withFile(this.#folder, "r", fsyncSync);
  }
}

function withFile(path: string, flags: string, act: (file: number) => void): void {
  const file = openSync(path, flags, 0o600);
  try {
    act(file);
  } finally {
    closeSync(file);
  }
}

/** For simulated controllers, whose keys need not outlive them. */
export class MemoryPkiFiles implements PkiFiles {
  readonly #files = new Map<string, string>();

  read(name: string): string | undefined {
    return this.#files.get(name);
  }

  write(name: string, content: string): void {
    this.#files.set(name, content);
  }
}
