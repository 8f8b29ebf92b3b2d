/** `kubectl --as`: acting as somebody else, for whoever may impersonate each part of them. */
import { StatusError } from "../status-error.ts";
import { type Authorizer, forbidden, type ResourceAttributes } from "./authorization.ts";
import {
  anonymousUser,
  authenticatedGroup,
  parseServiceAccount,
  serviceAccountGroups,
  type User,
  unauthenticatedGroup,
} from "./user.ts";

interface Wish {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid: string | undefined;
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** Who the request is made as; undefined: as the user itself. Throws unless all of it is allowed. */
export async function impersonated(
  user: User,
  rawHeaders: readonly string[],
  authorizer: Authorizer,
): Promise<User | undefined> {
  const wish = wishOf(rawHeaders);
  if (wish === undefined) return undefined;
  const { name, groups, uid, extra } = wish;
  for (const asked of asksOf(user, wish)) {
    const { allowed, reason } = await authorizer.authorize(asked);
    if (!allowed) throw forbidden(asked, reason);
  }
  const account = parseServiceAccount(name);
  const own = account !== undefined && groups.length === 0 ? serviceAccountGroups(account.namespace) : groups;
  return {
    ...{ name, groups: withKnown(name, own) },
    ...(uid === undefined ? {} : { uid }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

function wishOf(raw: readonly string[]): Wish | undefined {
  // Names of groups may hold commas: only the raw headers keep them apart.
  const values = (name: string): string[] =>
    raw.filter((_value, index) => index % 2 === 1 && raw[index - 1]?.toLowerCase() === name);
  const [name = ""] = values("impersonate-user");
  const groups = values("impersonate-group");
  const [uid] = values("impersonate-uid");
  const extra = extraOf(raw);
  if (name !== "") return { name, groups, uid, extra };
  if (groups.length === 0 && uid === undefined && Object.keys(extra).length === 0) return undefined;
  throw new StatusError(400, "BadRequest", "requested groups, uid or extra to impersonate without a user");
}

const extraPrefix = "impersonate-extra-";

function extraOf(raw: readonly string[]): Record<string, string[]> {
  const extra: Record<string, string[]> = {};
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at]?.toLowerCase() ?? "";
    if (!name.startsWith(extraPrefix)) continue;
    const key = decoded(name.slice(extraPrefix.length));
    extra[key] = [...(extra[key] ?? []), raw[at + 1] ?? ""];
  }
  return extra;
}

/** What cannot be decoded is meant as it is, as upstream has it. */
function decoded(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

/** What has to be allowed, one after another. */
function asksOf(user: User, { name, groups, uid, extra }: Wish): ResourceAttributes[] {
  const verb = "impersonate";
  const core = { type: "resource", user, verb, group: "", version: "v1" } as const;
  const authentication = { ...core, group: "authentication.k8s.io" } as const;
  const account = parseServiceAccount(name);
  return [
    account === undefined
      ? { ...core, resource: "users", name }
      : { ...core, resource: "serviceaccounts", namespace: account.namespace, name: account.name },
    ...groups.map((group) => ({ ...core, resource: "groups", name: group })),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((value) => ({ ...authentication, resource: "userextras", subresource: key, name: value })),
    ),
    ...(uid === undefined ? [] : [{ ...authentication, resource: "uids", name: uid }]),
  ];
}

/** Whoever is not anonymous is known to somebody. */
function withKnown(name: string, groups: readonly string[]): string[] {
  const said = groups.includes(unauthenticatedGroup);
  if (name === anonymousUser) return said ? [...groups] : [...groups, unauthenticatedGroup];
  return said || groups.includes(authenticatedGroup) ? [...groups] : [...groups, authenticatedGroup];
}
