import type { X509Certificate } from "node:crypto";
import type { Instant } from "@selvedge/base";

/** Longer chains than that nobody has. */
const chainMax = 8;

/**
 * Those that vouch for a certificate, one for the other, up to one of the roots; undefined: they do not lead there.
 * A root may itself be an authority below another. Pure.
 */
export function chainOf(
  certificate: X509Certificate,
  pool: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  now: Instant,
): readonly X509Certificate[] | undefined {
  const chain: X509Certificate[] = [];
  for (let at = certificate; chain.length < chainMax; ) {
    if (!isValid(at, now)) return undefined;
    if (roots.some((root) => root.raw.equals(at.raw))) return chain;
    const next = [...roots, ...pool].find(
      (it) => it.ca && !it.raw.equals(at.raw) && at.checkIssued(it) && at.verify(it.publicKey),
    );
    if (next === undefined) return undefined;
    chain.push(next);
    at = next;
  }
  return undefined;
}

function isValid({ validFromDate, validToDate }: X509Certificate, now: Instant): boolean {
  return validFromDate.getTime() <= now + skewMs && now < validToDate.getTime();
}

/** An authority's clock may be a little ahead. */
const skewMs = 300_000;
