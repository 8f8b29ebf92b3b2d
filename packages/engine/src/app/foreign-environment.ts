import type { AppSpec } from "../desired.ts";
import type { SecretOpener } from "../ports.ts";

/** The variables that a controller without the extension gives an app; opened anew each time and kept nowhere. */
export async function foreignEnvironment(
  { foreign }: AppSpec,
  secrets: SecretOpener,
): Promise<readonly (readonly [name: string, value: string])[]> {
  if (foreign === undefined || foreign.sealedUserData === "") return foreign?.environment ?? [];
  return await secrets.openEnvironment(Uint8Array.fromBase64(foreign.sealedUserData));
}
