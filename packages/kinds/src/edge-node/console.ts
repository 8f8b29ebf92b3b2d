/** EdgeNode.spec.operatorConsole: who stands in for the controller while a box cannot reach it. */
import type { Schema } from "@selvedge/apimachinery";
import { certificateFault } from "../certificate.ts";
import { objectOf, textOf } from "../edge-schemas.ts";
import type { Faults } from "../faults.ts";

export interface OperatorConsole {
  /** Where it is, without the path of the API. */
  url: string;
  /** Where a box puts what it knows of itself, when the console asks for it. */
  bundles?: BundleStore;
}

export interface BundleStore {
  /** A folder; each bundle has a name of its own in it. */
  url: string;
  /** PEM, one certificate each: what a box believes the server by, beside those it knows. */
  caCertificates?: string[];
  /** The Secret with `token`, and `scheme` when that is not Bearer. */
  credentialsRef?: { name: string; namespace: string };
}

const urlMax = 2048;
const certificatesMax = 8;
const pemMax = 32_768;

export const operatorConsoleSchema: Schema = objectOf(
  "Stands in for the controller while the box cannot reach it, with configurations that the controller signed and " +
    "with commands of its own. The box tells it how it is all the time.",
  {
    url: textOf("Where it is, such as https://console.plant.example:8443.", {
      ...{ minLength: 1, maxLength: urlMax },
    }),
    bundles: objectOf(
      "Where the box puts what it knows of itself when the console asks for it, by POST or PUT.",
      {
        url: textOf("A folder, by http or https.", { minLength: 1, maxLength: urlMax }),
        caCertificates: {
          ...{ type: "array", maxItems: certificatesMax, items: { type: "string", maxLength: pemMax } },
          description: "PEM of certificates by which the box believes the server, one each.",
        },
        credentialsRef: objectOf(
          "A Secret whose key token is sent as the authorization, after the word in its key scheme (Bearer when " +
            "there is none). It is encrypted to the box.",
          {
            name: textOf("Its name.", { minLength: 1 }),
            namespace: textOf("Its namespace.", { minLength: 1 }),
          },
          ["name", "namespace"],
        ),
      },
      ["url"],
    ),
  },
  ["url"],
);

export function operatorConsoleFaults(found: OperatorConsole | undefined, faults: Faults): void {
  if (found === undefined) return;
  const field = "spec.operatorConsole";
  const fault = urlFault(found.url, "https://console.plant.example:8443");
  if (fault !== undefined) faults.invalid(`${field}.url`, found.url, fault);
  const { bundles } = found;
  if (bundles === undefined) return;
  const wrong = urlFault(bundles.url, "https://files.plant.example/bundles");
  if (wrong !== undefined) faults.invalid(`${field}.bundles.url`, bundles.url, wrong);
  for (const [place, pem] of (bundles.caCertificates ?? []).entries()) {
    const why = certificateFault(pem);
    if (why !== undefined) faults.invalid(`${field}.bundles.caCertificates[${place}]`, "<certificate>", why);
  }
}

/** Boxes put paths behind it. */
function urlFault(text: string, example: string): string | undefined {
  const url = URL.parse(text);
  if (url === null) return `must be a URL, such as ${example}`;
  const { protocol, username, password, search, hash } = url;
  if (protocol !== "http:" && protocol !== "https:") return "must begin with http:// or https://";
  if (username !== "" || password !== "") return "must have no user in it";
  return search === "" && hash === "" ? undefined : "must have no query and no fragment";
}
