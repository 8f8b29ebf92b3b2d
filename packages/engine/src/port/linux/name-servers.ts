import { rename, rm, writeFile } from "node:fs/promises";
import { ignoreMissing, readText } from "../../network/linux/run.ts";

/** A resolver of C knows three. */
const serversMax = 3;

/** Those of the cheapest card come first. Without any, what was known stays. */
export async function applyNameServers(resolvConf: string, known: readonly string[]): Promise<void> {
  const servers = [...new Set(known)].slice(0, serversMax);
  if (servers.length === 0) return;
  const text = servers.map((server) => `nameserver ${server}\n`).join("");
  if ((await readText(resolvConf)) === text) return;
  const draft = `${resolvConf}.selvedge`;
  await writeFile(draft, text);
  // A file that something else has mounted there cannot be replaced, only written.
  await rename(draft, resolvConf).catch(async (error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "EBUSY") throw error;
    await writeFile(resolvConf, text);
    await rm(draft, { force: true }).catch(ignoreMissing);
  });
}
