/** Which file system a folder is on, by Linux' list of mounts: the last one at the nearest place above it. */
export function mountOf(mountinfo: string, folder: string): { type: string; disk: string } | undefined {
  let found: { at: string; type: string; disk: string } | undefined;
  for (const line of mountinfo.split("\n")) {
    const [front = "", behind = ""] = line.split(" - ");
    const at = plain(front.split(" ")[4] ?? "");
    const [type = "", disk = ""] = behind.split(" ");
    const above = at === "/" || folder === at || folder.startsWith(`${at}/`);
    if (at === "" || type === "" || !above || at.length < (found?.at.length ?? 0)) continue;
    found = { at, type, disk: plain(disk) };
  }
  return found && { type: found.type, disk: found.disk };
}

/** A space in a name is written as its number. */
function plain(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
