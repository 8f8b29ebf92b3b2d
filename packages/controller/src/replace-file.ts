import { closeSync, fsyncSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Replaces a small text as a whole, for its owner's eyes only: after a power cut the name has its old
 * content or its new one.
 */
export function replaceFileSync(path: string, content: string): void {
  const temporary = `${path}.new`;
  withFile(temporary, "w", (file) => {
    writeSync(file, content);
    fsyncSync(file);
  });
  renameSync(temporary, path);
  withFile(dirname(path), "r", fsyncSync);
}

function withFile(path: string, flags: string, act: (file: number) => void): void {
  const file = openSync(path, flags, 0o600);
  try {
    act(file);
  } finally {
    closeSync(file);
  }
}
