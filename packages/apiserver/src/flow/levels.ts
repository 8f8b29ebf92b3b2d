/** Which requests compete with which: each level has its share of the seats, and one cannot use up another's. */
import { anonymousUser, mastersGroup, nodesGroup, parseServiceAccount, type User } from "../auth/user.ts";

export interface Level {
  readonly name: string;
  /** Of all seats, in parts of the sum of all shares. */
  readonly share: number;
  readonly matches: (user: User) => boolean;
}

/** The first that matches. */
export const standardLevels: readonly Level[] = [
  // People who repair things must get through when programs have gone wild.
  { name: "administrators", share: 20, matches: ({ groups }) => groups.includes(mastersGroup) },
  {
    name: "system",
    share: 30,
    matches: ({ name, groups }) =>
      groups.includes(nodesGroup) || parseServiceAccount(name)?.namespace === "kube-system",
  },
  { name: "workload", share: 45, matches: ({ name }) => name !== anonymousUser },
  { name: "catch-all", share: 5, matches: () => true },
];
