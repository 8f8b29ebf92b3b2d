import type { FieldError } from "@selvedge/apimachinery";
import type { Instant } from "@selvedge/base";
import { StatusError } from "../status-error.ts";
import type { LogOptions } from "./pod-streams.ts";

/**
 * Parses a query parameter that is a boolean as Kubernetes does: anything but absent, "", 0 and false is
 * true.
 */
export function flag(query: URLSearchParams, name: string): boolean {
  const text = query.get(name);
  return text !== null && text !== "" && text !== "0" && text.toLowerCase() !== "false";
}

/**
 * What a log request asks for, but for the container, which needs the Pod. Refuses as upstream's
 * PodLogOptions do.
 */
export function parseLogQuery(query: URLSearchParams, now: Instant): Omit<LogOptions, "container"> {
  const errors: FieldError[] = [];
  const tailLines = whole(query, "tailLines", 0, errors);
  const limitBytes = whole(query, "limitBytes", 1, errors);
  const sinceSeconds = whole(query, "sinceSeconds", 1, errors);
  const sinceTime = time(query, errors);
  if (sinceSeconds !== undefined && sinceTime !== undefined) {
    const detail = "at most one of `sinceTime` or `sinceSeconds` may be specified";
    errors.push({ type: "FieldValueForbidden", field: "", detail });
  }
  if (errors.length > 0) throw invalid(errors);
  const since = sinceTime ?? (sinceSeconds === undefined ? undefined : now - sinceSeconds * 1000);
  return {
    follow: flag(query, "follow"),
    previous: flag(query, "previous"),
    timestamps: flag(query, "timestamps"),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(since === undefined ? {} : { since }),
  };
}

function whole(
  query: URLSearchParams,
  field: string,
  least: number,
  errors: FieldError[],
): number | undefined {
  const text = query.get(field);
  if (text === null || text === "") return undefined;
  if (!/^-?\d+$/.test(text)) {
    throw new StatusError(400, "BadRequest", `${field}: ${JSON.stringify(text)} is not a whole number`);
  }
  const value = Number(text);
  if (value >= least) return value;
  const detail = least === 0 ? "must be greater than or equal to 0" : "must be greater than 0";
  errors.push({ type: "FieldValueInvalid", field, value, detail });
  return undefined;
}

function time(query: URLSearchParams, errors: FieldError[]): number | undefined {
  const text = query.get("sinceTime");
  if (text === null || text === "") return undefined;
  const parsed = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(parsed)) return parsed;
  const detail = "must be a time in RFC 3339, like 2026-01-02T15:04:05Z";
  errors.push({ type: "FieldValueInvalid", field: "sinceTime", value: text, detail });
  return undefined;
}

function invalid(errors: readonly FieldError[]): StatusError {
  const texts = errors.map(({ type, field, value, detail }) => {
    const where = field === "" ? "" : `${field}: `;
    return type === "FieldValueForbidden"
      ? `${where}Forbidden: ${detail}`
      : `${where}Invalid value: ${JSON.stringify(value)}: ${detail}`;
  });
  const text = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  const causes = errors.map(({ type, field, detail }) => ({ reason: type, field, message: detail }));
  return new StatusError(422, "Invalid", `PodLogOptions "" is invalid: ${text}`, {
    ...{ group: "", kind: "PodLogOptions", causes },
  });
}
