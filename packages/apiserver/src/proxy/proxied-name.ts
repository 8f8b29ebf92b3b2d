import { StatusError } from "../status-error.ts";

/** What is asked in `pods/NAME/proxy` and `services/NAME/proxy`. */
export interface ProxiedName {
  readonly scheme: "http" | "https";
  readonly name: string;
  /** A number, or the name of a port; empty: the first. */
  readonly port: string;
}

/** `web`, `web:8080`, `https:web:` or `https:web:metrics`. */
export function parseProxiedName(text: string, what: "pod" | "service"): ProxiedName {
  const parts = text.split(":");
  const [scheme, name = "", port = ""] =
    parts.length === 1 ? ["", text] : parts.length === 2 ? ["", ...parts] : parts;
  const isGood = ["", "http", "https"].includes(scheme ?? "") && name !== "" && parts.length <= 3;
  if (!isGood) throw new StatusError(400, "BadRequest", `invalid ${what} request ${JSON.stringify(text)}`);
  return { scheme: scheme === "https" ? "https" : "http", name, port };
}
