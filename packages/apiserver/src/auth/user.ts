/** Who asks, after authentication. */
export interface User {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export const mastersGroup = "system:masters";
export const authenticatedGroup = "system:authenticated";
export const unauthenticatedGroup = "system:unauthenticated";
export const anonymousUser = "system:anonymous";
export const nodesGroup = "system:nodes";
const nodePrefix = "system:node:";
const serviceAccountPrefix = "system:serviceaccount:";
export const serviceAccountsGroup = "system:serviceaccounts";

export interface ServiceAccountName {
  readonly namespace: string;
  readonly name: string;
}

export function serviceAccountUser({ namespace, name }: ServiceAccountName): string {
  return `${serviceAccountPrefix}${namespace}:${name}`;
}

/** Undefined: the user is no ServiceAccount. */
export function parseServiceAccount(user: string): ServiceAccountName | undefined {
  if (!user.startsWith(serviceAccountPrefix)) return undefined;
  const [namespace, name, ...more] = user.slice(serviceAccountPrefix.length).split(":");
  return namespace && name && more.length === 0 ? { namespace, name } : undefined;
}

export function serviceAccountGroups(namespace: string): string[] {
  return [serviceAccountsGroup, `${serviceAccountsGroup}:${namespace}`];
}

/** The name of the node that the user is; undefined: it is none. */
export function nodeOf({ name, groups }: User): string | undefined {
  return name.startsWith(nodePrefix) && groups.includes(nodesGroup)
    ? name.slice(nodePrefix.length)
    : undefined;
}
