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

/** Characters of an object: the worst of that takes some 20 ms to plan. */
export const longMin: number = 64 * 1024;
/** And of a member: a millisecond to read. */
const memberMin = 16 * 1024;
/** What has more members or elements than so many is read as a whole. */
const partsMax = 64;
/** Values in it: one long text, as in a Secret of Helm's, is planned as soon as a short one. */
const valuesMin = 1_000;

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

/** Where the members of a text are, and those of its metadata. */
export interface Layout {
  readonly members: readonly Member[];
  readonly metadata: readonly Member[] | undefined;
}

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
  { members, metadata }: Layout,
  shows?: (object: KubeObject) => KubeObject,
): KubeObject {
  const cut = ({ name, from, to }: Member): SaidMember => [name, text.slice(from, to)];
  const object = saidObject(kind, { members: members.map(cut), metadata: metadata?.map(cut) });
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

function readMembers(kind: Reading, members: readonly SaidMember[]): object {
  const object = {};
  unread.add(object);
  for (const [name, text] of members) {
    if (text.length > memberMin) define(object, name, new Unread(text, () => readLong(kind, name, text)));
    else setMember(object, name, readShort(kind, name, text));
  }
  return object;
}

function readLong(kind: Reading, name: string, text: string): unknown {
  const isLongPart = (part: string): boolean => part.length > memberMin;
  if (text.charCodeAt(0) === square) {
    const elements = elementsOf(text, partsMax);
    if (elements?.some(isLongPart) !== true) return readShort(kind, name, text);
    const read = (part: string, at: number): unknown =>
      (isLongPart(part) ? readLong : readShort)(kind, `${at}`, part);
    return holdingLazy(elements.map(read));
  }
  const parts = membersOf(text, 0, (_name, from) => valueEnd(text, from), partsMax);
  const members = parts?.members.map(({ name: one, from, to }): SaidMember => [one, text.slice(from, to)]);
  if (members?.some(([, part]) => isLongPart(part)) !== true) return readShort(kind, name, text);
  return readMembers(kind, members);
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
export function isSame(one: object | undefined, other: object | undefined): boolean {
  return isLazy(one) && isLazy(other) ? jsonOf(one) === jsonOf(other) : jsonEqual(one, other);
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
    return sum + (length ?? memberMin);
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

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [curly, curlyEnd, square, squareEnd] = [0x7b, 0x7d, 0x5b, 0x5d];

/** Whether a JSON text has many values, not how many. */
export function hasManyValues(text: string): boolean {
  let left = valuesMin;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = stringEnd(text, at);
    else if ((code === comma || code === curly || code === square) && --left < 0) return true;
  }
  return false;
}

interface Member {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** Undefined: it is no object as JSON.stringify writes them. */
export function layoutOf(text: string): Layout | undefined {
  let metadata: readonly Member[] | undefined;
  const endOf = (name: string, from: number): number => {
    const inner = name === "metadata" ? membersOf(text, from, (_name, at) => valueEnd(text, at)) : undefined;
    metadata = inner?.members ?? metadata;
    return inner?.end ?? valueEnd(text, from);
  };
  const whole = membersOf(text, 0, endOf);
  return whole?.end === text.length ? { members: whole.members, metadata } : undefined;
}

/** The members of an array that JSON.stringify has written, each as it is. */
export function elementsOf(text: string): string[];
/** Undefined: there are more than so many. */
export function elementsOf(text: string, max: number): string[] | undefined;
export function elementsOf(text: string, max = Number.POSITIVE_INFINITY): string[] | undefined {
  const elements: string[] = [];
  for (let at = 1; at < text.length - 1; ) {
    if (elements.length === max) return undefined;
    const end = valueEnd(text, at);
    elements.push(text.slice(at, end));
    at = end + 1;
  }
  return elements;
}

function membersOf(
  text: string,
  start: number,
  endOf: (name: string, from: number) => number,
  max = Number.POSITIVE_INFINITY,
): { readonly members: readonly Member[]; readonly end: number } | undefined {
  if (text.charCodeAt(start) !== curly) return undefined;
  const members: Member[] = [];
  let at = start + 1;
  while (text.charCodeAt(at) === quote) {
    if (members.length === max) return undefined;
    const nameEnd = stringEnd(text, at);
    if (text.charCodeAt(nameEnd + 1) !== colon) return undefined;
    const name = JSON.parse(text.slice(at, nameEnd + 1)) as string;
    const from = nameEnd + 2;
    const to = endOf(name, from);
    members.push({ name, from, to });
    at = text.charCodeAt(to) === comma ? to + 1 : to;
  }
  return text.charCodeAt(at) === curlyEnd ? { members, end: at + 1 } : undefined;
}

function valueEnd(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = stringEnd(text, at);
    else if (code === curly || code === square) depth++;
    else if (code === curlyEnd || code === squareEnd) {
      if (depth === 0) return at;
      depth--;
    } else if (code === comma && depth === 0) return at;
  }
  return text.length;
}

/** Where the quote is that ends the string that begins there. */
function stringEnd(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) return at;
    if (code === backslash) at++;
  }
  return text.length;
}
