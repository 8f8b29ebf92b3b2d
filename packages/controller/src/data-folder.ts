import { chmodSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { FlagError } from "./address.ts";
import { replaceFileSync } from "./replace-file.ts";

/**
 * The controller's folder, for one controller at a time.
 *
 *   controller.db   objects, their revisions, records
 *   pki/            certificates and keys
 *   registry/       images
 *   logs/           what nodes have uploaded
 *   kubeconfig      for the administrator
 *   registry-password   of the registry's user "admin"
 */
export class DataFolder implements Disposable {
  readonly path: string;
  readonly #lock: DatabaseSync;

  constructor(path: string) {
    this.path = path;
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      chmodSync(path, 0o700);
    } catch (error) {
      throw new FlagError(`--data: cannot make ${path}: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      });
    }
    this.#lock = lock(join(path, "lock.db"), path);
  }

  in(name: string): string {
    return join(this.path, name);
  }

  /** Replaces a small file as a whole, for its owner's eyes only. An equal one is left alone. */
  write(name: string, content: string): void {
    const target = this.in(name);
    try {
      if (readFileSync(target, "utf8") === content) return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    replaceFileSync(target, content);
  }

  [Symbol.dispose](): void {
    this.#lock.close();
  }
}

/** An SQLite transaction that is never finished: the kernel ends it with the process, however that ends. */
function lock(file: string, folder: string): DatabaseSync {
  const database = new DatabaseSync(file);
  try {
    database.exec("pragma busy_timeout = 2000; begin exclusive;");
    return database;
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode !== sqliteBusy) throw error;
    throw new FlagError(
      `--data: another controller is running in ${folder}; stop it or choose another folder`,
      {
        cause: error,
      },
    );
  }
}

const sqliteBusy = 5;
