/**
 * What somebody who helps from afar would look at first, in one archive, put where the configuration says: a
 * command of people beside the node, who may have no other way to show what is wrong.
 */
import { type Clock, describeError, type Log, millis, minutes, sleep, toRfc3339 } from "@selvedge/base";
import { archive } from "../archive.ts";
import { authorizationOf, baseUrl, encodePath } from "../content/address.ts";
import type { Credentials, Datastore, DesiredState } from "../desired.ts";
import type { Cell } from "../engine-store.ts";
import { type HttpClient, HttpError, readBody } from "../host/http.ts";

export interface InfoBundleParts {
  readonly accepted: Pick<Cell<DesiredState | undefined>, "get">;
  readonly settings: { isOn(key: "datastore.http.security.allowinsecureauth"): boolean };
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly log: Log;
  /** Files by name; no secret is in them. */
  readonly texts: () => Promise<Readonly<Record<string, string>>>;
}

const uploadMs = minutes(5);
const answerMax = 16 * 1024;
/** As often as EVE tries it, and as long between. */
const triesMax = 10;
const triesPauseMs = 3_000;

export class InfoBundle {
  readonly #parts: InfoBundleParts;
  #running = false;

  constructor(parts: InfoBundleParts) {
    this.#parts = parts;
  }

  /** Resolves once it is there, or it is written down why it is not. One at a time: a second is the same again. */
  async send(): Promise<void> {
    const { log } = this.#parts;
    if (this.#running) return;
    this.#running = true;
    try {
      const target = this.#parts.accepted.get()?.node?.collectTo;
      if (target === undefined)
        throw new Error("loc_config.datastore_collect_info_id names no datastore of this configuration");
      const at = await this.#upload(target);
      log.info("what the node knows of itself is uploaded", { at });
    } catch (error) {
      log.warn("what the node knows of itself is not uploaded", { error: describeError(error) });
    } finally {
      this.#running = false;
    }
  }

  async #upload(target: Datastore): Promise<string> {
    const { http, clock, accepted, texts, settings } = this.#parts;
    if (target.type !== "http" && target.type !== "https")
      throw new Error(`a datastore of type ${target.type} takes none; use http or https`);
    const node = accepted.get()?.nodeId ?? "";
    const name = `eve-info-${node}-${toRfc3339(clock.now()).replace(/[:.]/g, "-")}`;
    const url = `${[baseUrl(target), ...[target.path].filter(Boolean).map(encodePath)].join("/")}/${name}.tar.gz`;
    const credentials = await target.credentials();
    const headers = headersOf(credentials);
    if (credentials !== undefined && url.startsWith("http:"))
      if (!settings.isOn("datastore.http.security.allowinsecureauth"))
        throw new Error(`${url}: credentials are not sent over http`);
    const body = await archive(`${name}/`, await texts(), clock.now());
    const { certificates } = target;
    for (let tries = 1; ; tries++) {
      try {
        // Some servers take files by the one, some by the other.
        for (const method of ["POST", "PUT"] as const) {
          const response = await http.send({
            ...{ method, url, headers, body, timeoutMs: uploadMs },
            ...(certificates.length === 0 ? {} : { certificates, systemRoots: true }),
          });
          await readBody(response, answerMax);
          if (response.status >= 200 && response.status < 300) return url;
          if (method === "PUT") throw new HttpError(`${url} answers with ${response.status}`);
        }
      } catch (error) {
        if (tries >= triesMax) throw error;
      }
      await sleep(clock, millis(triesPauseMs));
    }
  }
}

function headersOf(credentials: Credentials | undefined): Readonly<Record<string, string>> {
  const type = { "content-type": "application/gzip" };
  if (credentials === undefined) return type;
  return { ...type, authorization: authorizationOf(credentials.user, credentials.password) };
}
