import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { replaceFileSync } from "../replace-file.ts";

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
    replaceFileSync(join(this.#folder, name), content);
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
