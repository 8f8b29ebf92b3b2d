/**
 * Long objects whose long members are read when somebody asks for them, and else stay the JSON they are: most of
 * what is done with an object needs its metadata and what it is as text.
 *
 *   text ─► scan ─► short members: values
 *                └► long members, of metadata too: getters ─► asked for: a value ─► jsonOf: written
 *                                                         └► never asked for ────► jsonOf: the same text
 *
 * What is asked for and has few members, some of them long, is cut up in its turn: who asks for the name of a container
 * does not read its environment.
 *
 * They are objects like others to whoever reads or changes them; what copies them by `assignMembers` or `cloneObject`
 * leaves unread what is unread. It relies on texts that JSON.stringify has written.
 */
import { type KindDefinition, type KubeObject, readAs } from "@selvedge/apimachinery";
import { cloneJson, jsonEqual } from "@selvedge/base";
import { type Outline, outlineOf, type Part, partMin } from "./json-outline.ts";

/** Characters of an object: the worst of that takes some 20 ms to plan. */
export const longMin: number = 64 * 1024;

type Reading = Pick<KindDefinition, "keepsIntegers">;

class Unread {
  /** Undefined: it is not shown as it is written. */
  #text: string | undefined;
  #read: (() => unknown) | undefined;
  #value: unknown;
  #hasValue = false;

  constructor(text: string | undefined, read: () => unknown) {
    this.#text = text;
    this.#read = read;
  }

  get text(): string | undefined {
    return this.#text;
  }

  get isRead(): boolean {
    return this.#read === undefined;
  }

  /** The same for somebody else, who may change what they read. */
  again(): Unread {
    return new Unread(this.#text, this.#read as () => unknown);
  }

  /** `isFrozen`: nobody changes it, so that it says what its text says. */
  get(isFrozen: boolean): unknown {
    if (!this.#hasValue) this.#value = this.#read?.();
    this.#hasValue = true;
    // Whoever has it may change it.
    if (!isFrozen) this.#read = this.#text = undefined;
    return this.#value;
  }
}

/** Of objects that have had some. */
const unread = new WeakSet<object>();
const getters = new WeakMap<() => unknown, Unread>();

/** The same cut up already: members and their JSON. */
export interface SaidObject {
  readonly members: readonly SaidMember[];
  readonly metadata: readonly SaidMember[] | undefined;
}

type SaidMember = readonly [name: string, text: string];

/**
 * The object that a text says. `shows` makes what is shown of what is stored, by each member alone and all that is
 * not metadata: what it makes of a long one is found out when that is asked for.
 */
export function lazyObject(
  kind: Reading,
  text: string,
  { parts }: Outline,
  shows?: (object: KubeObject) => KubeObject,
): KubeObject {
  const object = readMembers(kind, cutParts(text, parts)) as KubeObject;
  // Of whatever length: everybody asks for it.
  const { metadata } = object;
  if (isPlain(metadata)) setMember(object, "metadata", metadata);
  return shows === undefined ? object : shownBy(shows, object);
}

export function saidObject(kind: Reading, { members, metadata }: SaidObject): KubeObject {
  const object = readMembers(kind, members) as KubeObject;
  if (metadata !== undefined) setMember(object, "metadata", readMembers(kind, metadata));
  return object;
}

/** For another thread, which need not look for what is where. */
export function cutObject(object: object): SaidObject {
  const { metadata } = object as Partial<KubeObject>;
  return { members: cut(object), metadata: isPlain(metadata) ? cut(metadata) : undefined };
}

function cut(object: object): SaidMember[] {
  return Object.entries(object).flatMap(([name, value]) => {
    const text = JSON.stringify(value) as string | undefined;
    return text === undefined ? [] : [[name, text] as const];
  });
}

function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** With where its parts are, if that has been found out. */
type CutMember = readonly [name: string, text: string, outline?: Outline | "none"];

function cutParts(text: string, parts: readonly Part[]): CutMember[] {
  return parts.map(({ name, from, to, outline }) => [name, text.slice(from, to), outline ?? "none"]);
}

function readMembers(kind: Reading, members: readonly CutMember[]): object {
  const object = {};
  unread.add(object);
  for (const [name, text, outline] of members) {
    if (text.length > partMin)
      define(object, name, new Unread(text, () => readLong(kind, name, text, outline)));
    else setMember(object, name, readShort(kind, name, text));
  }
  return object;
}

function readLong(
  kind: Reading,
  name: string,
  text: string,
  known: Outline | "none" | undefined = outlineOf(text) ?? "none",
): unknown {
  if (known === "none") return readShort(kind, name, text);
  const parts = cutParts(text, known.parts);
  if (!known.isList) return readMembers(kind, parts);
  return holdingLazy(parts.map(([, part, outline], at) => readLong(kind, `${at}`, part, outline)));
}

/** With its name, by which the kind knows what integers it keeps. */
function readShort(kind: Reading, name: string, text: string): unknown {
  return (readAs(kind, `{${JSON.stringify(name)}:${text}}`) as Record<string, unknown>)[name];
}

function shownBy(shows: (object: KubeObject) => KubeObject, stored: KubeObject): KubeObject {
  const { apiVersion, kind, metadata } = stored;
  const others = { apiVersion, kind, metadata: { name: metadata.name } };
  const long = Object.keys(stored).flatMap((name) => {
    const one = unreadIn(stored, name);
    // In its place stands what is as little absent as it is.
    if (one !== undefined) setMember(stored, name, {});
    return one === undefined ? [] : [[name, one] as const];
  });
  stored.metadata = { ...others.metadata };
  const object = shows(stored);
  object.metadata = metadata;
  for (const [name, one] of long) {
    if (!Object.hasOwn(object, name)) continue;
    const read = (): unknown => shows({ ...others, [name]: one.again().get(false) } as KubeObject)[name];
    define(object, name, new Unread(undefined, read));
  }
  return object;
}

/** The object's members and more, in another one. */
export function withMembers<T extends object>(object: T, more: object): T {
  return isLazy(object) ? (assignMembers({}, object, more) as T) : ({ ...(object as object), ...more } as T);
}

/** As Object.assign, but what is unread stays so. */
export function assignMembers<Target extends object>(target: Target, ...sources: readonly object[]): Target {
  for (const source of sources) {
    if (unread.has(source)) unread.add(target);
    for (const name of Object.keys(source)) {
      const one = unreadIn(source, name);
      if (one === undefined) setMember(target, name, (source as Record<string, unknown>)[name]);
      else define(target, name, one.again());
    }
  }
  return target;
}

/** As cloneJson, but what is unread stays so. */
export function cloneObject<T extends object>(object: T): T {
  if (!unread.has(object)) return cloneJson(object);
  if (Array.isArray(object)) {
    const clone = (one: unknown): unknown =>
      typeof one === "object" && one !== null ? cloneObject(one) : one;
    return holdingLazy(object.map(clone)) as unknown as T;
  }
  const copy = assignMembers({}, object) as Record<string, unknown>;
  for (const name of Object.keys(copy)) {
    if (unreadIn(copy, name) !== undefined) continue;
    const member = copy[name];
    setMember(copy, name, typeof member === "object" && member !== null ? cloneObject(member) : member);
  }
  return copy as T;
}

/** Whether they say the same; of what is unread by its text. */
export function isSame(one: unknown, other: unknown): boolean {
  if (!isLazy(one) || !isLazy(other)) return jsonEqual(one, other);
  const [members, others] = [one as Record<string, unknown>, other as Record<string, unknown>];
  const names = Object.keys(members);
  if (names.length !== Object.keys(others).length || Array.isArray(one) !== Array.isArray(other))
    return false;
  return names.every((name) => {
    const [text, otherText] = [unreadIn(members, name)?.text, unreadIn(others, name)?.text];
    if (text === undefined && otherText === undefined) return isSame(members[name], others[name]);
    return (text ?? jsonOf(members[name])) === (otherText ?? jsonOf(others[name]));
  });
}

/** Whether it is one of which something may be unread. */
export function isLazy(value: unknown): boolean {
  return typeof value === "object" && value !== null && unread.has(value);
}

/** An answer with such objects among its members, or a list of them: what is unread is so in its JSON too. */
export function holdingLazy<T extends object>(value: T): T {
  if (Object.values(value).some(isLazy)) unread.add(value);
  return value;
}

/** Characters of it that nobody has read. */
export function unreadLength(value: unknown): number {
  if (typeof value !== "object" || value === null || !unread.has(value)) return 0;
  return Object.keys(value).reduce((sum, name) => {
    const one = unreadIn(value, name);
    const length =
      one === undefined ? unreadLength((value as Record<string, unknown>)[name]) : one.text?.length;
    return sum + (length ?? partMin);
  }, 0);
}

/** Whether so much of it is text that what needs all of it takes long. */
export function isLong(value: unknown): boolean {
  return unreadLength(value) > longMin;
}

/** As JSON.stringify, but what is unread is put in as it is. */
export function jsonOf(value: unknown): string {
  if (typeof value !== "object" || value === null || !unread.has(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((member) => jsonOf(member) ?? "null").join(",")}]`;
  const said = Object.keys(value).flatMap((name) => {
    const text = unreadIn(value, name)?.text ?? jsonOf((value as Record<string, unknown>)[name]);
    return text === undefined ? [] : [`${JSON.stringify(name)}:${text}`];
  });
  return `{${said.join(",")}}`;
}

/** Freezes it as it is: what is unread still is frozen when it is read. Others are left to who has them. */
export function freezeLazy(object: object): void {
  if (!isLazy(object) || Object.isFrozen(object)) return;
  for (const name of Object.keys(object)) {
    if (unreadIn(object, name) === undefined) freezeDeep((object as Record<string, unknown>)[name]);
  }
  Object.freeze(object);
}

function freezeDeep(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  if (isLazy(value)) {
    freezeLazy(value);
    return;
  }
  Object.freeze(value);
  for (const member of Object.values(value)) freezeDeep(member);
}

function unreadIn(object: object, name: string): Unread | undefined {
  const getter = unread.has(object) ? Object.getOwnPropertyDescriptor(object, name)?.get : undefined;
  const one = getter && getters.get(getter);
  return one?.isRead === false ? one : undefined;
}

function define(object: object, name: string, one: Unread): void {
  const get = function (this: object): unknown {
    const isFrozen = Object.isFrozen(this);
    const value = one.get(isFrozen);
    if (isFrozen) freezeDeep(value);
    return value;
  };
  getters.set(get, one);
  Object.defineProperty(object, name, {
    ...{ enumerable: true, configurable: true, get },
    set(this: object, value: unknown) {
      setMember(this, name, value);
    },
  });
  unread.add(object);
}

function setMember(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { enumerable: true, configurable: true, writable: true, value });
}
