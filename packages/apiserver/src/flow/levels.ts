/** Which requests compete with which: each level has its share of the seats, and one cannot use up another's. */
import {
  authenticatedGroup,
  mastersGroup,
  nodesGroup,
  parseServiceAccount,
  type User,
  unauthenticatedGroup,
} from "../auth/user.ts";

/** Somebody who asks: all of a group, or all ServiceAccounts of a namespace. */
export type LevelSubject = { readonly group: string } | { readonly accountsOf: string };

export interface Level {
  readonly name: string;
  /** Of all seats, in parts of the sum of all shares. */
  readonly share: number;
  readonly subjects: readonly LevelSubject[];
}

/** The first that matches. What clients see of them, in objects, is made of the same rows. */
export const standardLevels: readonly Level[] = [
  // People who repair things must get through when programs have gone wild.
  { name: "administrators", share: 20, subjects: [{ group: mastersGroup }] },
  { name: "system", share: 30, subjects: [{ group: nodesGroup }, { accountsOf: "kube-system" }] },
  { name: "workload", share: 45, subjects: [{ group: authenticatedGroup }] },
  {
    name: "catch-all",
    share: 5,
    subjects: [{ group: unauthenticatedGroup }, { group: authenticatedGroup }],
  },
];

export function isOfLevel({ subjects }: Level, { name, groups }: User): boolean {
  return subjects.some((subject) =>
    "group" in subject
      ? groups.includes(subject.group)
      : parseServiceAccount(name)?.namespace === subject.accountsOf,
  );
}
