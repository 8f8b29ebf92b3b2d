/** The half of a session that the page holds. The other half is a cookie, which no script sees. */

const stored = "selvedge-key";

/** Gives the secret of the address for a session, if there is one; resolves with the page's key. */
export async function openSession(location: Location, storage: Storage): Promise<string | undefined> {
  const secret = /^#secret=(.+)$/.exec(location.hash)?.[1];
  if (secret === undefined) return storage.getItem(stored) ?? undefined;
  // It worked once and is of no use any more: it is not left where somebody looks over a shoulder.
  history.replaceState(null, "", location.pathname);
  const answer = await fetch("/console/session", {
    ...{ method: "POST", headers: { "content-type": "application/json" } },
    body: JSON.stringify({ secret }),
  });
  if (!answer.ok) {
    // Loaded again with the same address: this browser may have been let in already.
    return storage.getItem(stored) ?? undefined;
  }
  const { key } = (await answer.json()) as { key: string };
  storage.setItem(stored, key);
  return key;
}
