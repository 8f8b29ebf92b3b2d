/** What expressions ask of who decides who may do what: asked once a write, and waited for outside of them. */
import {
  type AccessDecision,
  type AccessQuestion,
  type Decide,
  PendingDecision,
} from "@selvedge/apimachinery";
import { describeError } from "@selvedge/base";
import type { Attributes, Authorizer } from "../auth/authorization.ts";
import { serviceAccountGroups, serviceAccountUser, type User } from "../auth/user.ts";

/** By what is known; what is not has to be asked first. */
export function decideBy(known: ReadonlyMap<string, AccessDecision>): Decide {
  return (question) => {
    const decision = known.get(JSON.stringify(question));
    if (decision === undefined) throw new PendingDecision(question);
    return decision;
  };
}

export class AccessDecisions {
  readonly #authorizer: Authorizer;
  readonly #user: User | undefined;
  /** As many as the budget of expressions lets them ask. */
  readonly #known = new Map<string, AccessDecision>();

  /** Undefined: a part of this program, which may do everything. */
  constructor(authorizer: Authorizer, user: User | undefined) {
    this.#authorizer = authorizer;
    this.#user = user;
  }

  readonly decide: Decide = decideBy(this.#known);

  /** By the question's text. */
  get known(): ReadonlyMap<string, AccessDecision> {
    return this.#known;
  }

  /** What `evaluate` comes to once all that it asks is known: it is begun anew after each answer. */
  async settled<T>(evaluate: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await evaluate();
      } catch (error) {
        if (!(error instanceof PendingDecision)) throw error;
        this.#known.set(JSON.stringify(error.question), await this.#answer(error.question));
      }
    }
  }

  async #answer(question: AccessQuestion): Promise<AccessDecision> {
    const { account } = question;
    const user = account === undefined ? this.#user : accountUser(account);
    if (user === undefined) return { allowed: true, reason: "", error: "" };
    try {
      const { allowed, reason } = await this.#authorizer.authorize(attributesOf(question, user));
      return { allowed, reason, error: "" };
    } catch (error) {
      return { allowed: false, reason: "", error: describeError(error) };
    }
  }
}

function accountUser({ namespace, name }: NonNullable<AccessQuestion["account"]>): User {
  return { name: serviceAccountUser({ namespace, name }), groups: serviceAccountGroups(namespace) };
}

function attributesOf({ verb, path, ...question }: AccessQuestion, user: User): Attributes {
  if (path !== undefined) return { type: "path", user, verb, path };
  const { group = "", resource = "", subresource, namespace, name, fieldSelector } = question;
  return {
    ...{ type: "resource", user, verb, group, version: "*", resource },
    ...(subresource && { subresource }),
    ...(namespace && { namespace }),
    ...(name && { name }),
    ...(fieldSelector && { fieldSelector }),
  };
}
