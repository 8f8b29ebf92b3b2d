import type { Records } from "../ports.ts";
import type { PkiFiles } from "./pki-files.ts";

const bucket = "pki";
/** What a replica shows on its own ports is for its own names. */
const ownPattern = /^(?:kube|device)-server(?:-previous)?\.pem$/;

/**
 * Keys of a controller with several replicas: what nodes and users trust is one for all and lies with the records;
 * server certificates are each replica's own.
 */
export class ReplicaPkiFiles implements PkiFiles {
  readonly #records: Records;
  readonly #own: PkiFiles;

  constructor(records: Records, own: PkiFiles) {
    this.#records = records;
    this.#own = own;
  }

  /** Whether a replica has made everything that all share. */
  static isComplete(records: Records, secrets: readonly string[]): boolean {
    const names = [
      ...["root.pem", "clients.pem", "encryption.pem", "accounts.pem"],
      ...secrets.map((name) => `${name}.secret`),
    ];
    return names.every((name) => records.get(bucket, name) !== undefined);
  }

  read(name: string): string | undefined {
    if (ownPattern.test(name)) return this.#own.read(name);
    const stored = this.#records.get(bucket, name);
    return stored === undefined ? undefined : new TextDecoder().decode(stored);
  }

  write(name: string, content: string): void {
    if (ownPattern.test(name)) this.#own.write(name, content);
    else this.#records.put(bucket, name, new TextEncoder().encode(content));
  }
}
