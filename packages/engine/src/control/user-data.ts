/** User data of a container app, base64: lines of NAME=value, as EVE gives them to the entrypoint. */
export function environmentOf(userData: string): [string, string][] {
  if (userData === "") return [];
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.fromBase64(userData));
  } catch {
    // Not text: meant for a cloud-init that this app may bring, not for us.
    return [];
  }
  return text.split("\n").flatMap((line): [string, string][] => {
    const [, name, value] = /^\s*(?:-\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*?)\s*$/.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [[name, value]];
  });
}
