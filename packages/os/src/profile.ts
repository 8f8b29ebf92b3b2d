/** What somebody may choose of an image: one file, read once, complete from then on. */
import { parse } from "yaml";

export interface Profile {
  /** Of Debian. */
  readonly suite: string;
  readonly mirror: string;
  /** Empty: the mirror has it all, as one of a day has. */
  readonly securityMirror: string;
  readonly components: readonly string[];
  readonly kernel: string;
  /** Besides what the engine needs. */
  readonly packages: readonly string[];
  readonly apps: boolean;
  readonly tpm: "required" | "none";
  readonly consoles: readonly string[];
  readonly kernelArguments: readonly string[];
  readonly compression: "small" | "fast";
  readonly bootMib: number;
  readonly slotMib: number;
}

/** The profile cannot be built from; the message names the field and what to write. */
export class ProfileError extends Error {
  override name = "ProfileError";
}

/** Names a field; throws when the value is not what it may be. */
type Reader<T> = (field: string, value: unknown) => T;

const debianName: RegExp = /^[a-z0-9][a-z0-9.+-]*$/;
const urlForm: RegExp = /^https?:\/\/[^\s"'[\]]+$/;
/** A word of the kernel's command line: what it cannot hold would begin another one. */
const argumentForm: RegExp = /^[\x21-\x7e]+$/;
/** More than anybody writes down by hand. */
const listMax = 500;

const readers: { readonly [F in keyof Profile]: Reader<Profile[F]> } = {
  suite: text(/^[a-z]+$/, "the name of a Debian release, as bookworm"),
  mirror: text(urlForm, "an http or https address of a Debian mirror"),
  securityMirror: text(/^$|^https?:\/\/[^\s"'[\]]+$/, 'an http or https address, or "" for none'),
  components: list(text(/^[a-z-]+$/, "a component of Debian, as main or non-free-firmware"), 1),
  kernel: text(/^linux-image-[a-z0-9.+-]+$/, "a kernel's package, as linux-image-amd64"),
  packages: list(text(debianName, "the name of a Debian package"), 0),
  apps: choice("true or false", true, false),
  tpm: choice("required or none", "required", "none"),
  consoles: list(text(/^[A-Za-z0-9]+(,[a-z0-9]+)?$/, "a console of the kernel, as tty0 or ttyS0,115200"), 1),
  kernelArguments: list(text(argumentForm, "one argument without blanks"), 0),
  compression: choice("small or fast", "small", "fast"),
  // FAT of 32 bits begins at 33; more than a gigabyte is the budget of the whole.
  bootMib: size(40, 1024),
  slotMib: size(64, 16_384),
};

/** `defaults` says what is not said. Throws a ProfileError. */
export function parseProfile(source: string, defaults: Profile | undefined): Profile {
  const given = mapping(source);
  const unknown = Object.keys(given).find((field) => !Object.hasOwn(readers, field));
  if (unknown !== undefined)
    throw new ProfileError(`${unknown}: no such field; one of ${Object.keys(readers).join(", ")}`);
  const read = Object.entries(readers).map(([field, reader]): [string, unknown] => {
    if (Object.hasOwn(given, field)) return [field, reader(field, given[field])];
    if (defaults === undefined) throw new ProfileError(`${field}: missing`);
    return [field, defaults[field as keyof Profile]];
  });
  return Object.fromEntries(read) as unknown as Profile;
}

function mapping(source: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = parse(source);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ProfileError(`not YAML: ${why}`, { cause });
  }
  // A file of comments alone says that everything is to be as it is by default.
  if (value === null) return {};
  if (typeof value !== "object" || Array.isArray(value))
    throw new ProfileError("write fields and their values, as `kernel: linux-image-amd64`");
  return value as Record<string, unknown>;
}

function text(form: RegExp, what: string): Reader<string> {
  return (field, value) => {
    if (typeof value === "string" && form.test(value)) return value;
    throw new ProfileError(`${field}: ${JSON.stringify(value)} is not ${what}`);
  };
}

function choice<T extends string | boolean>(what: string, ...values: readonly T[]): Reader<T> {
  return (field, value) => {
    const found = values.find((it) => it === value);
    if (found === undefined) throw new ProfileError(`${field}: ${JSON.stringify(value)}; write ${what}`);
    return found;
  };
}

function size(min: number, max: number): Reader<number> {
  return (field, value) => {
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
    throw new ProfileError(`${field}: ${JSON.stringify(value)}; write a whole number from ${min} to ${max}`);
  };
}

function list<T>(reader: Reader<T>, least: number): Reader<readonly T[]> {
  return (field, value) => {
    if (!Array.isArray(value) || value.length < least || value.length > listMax) {
      const many = least === 0 ? `at most ${listMax}` : `${least} to ${listMax}`;
      throw new ProfileError(`${field}: write a list of ${many}, as [one, two]`);
    }
    return value.map((item, at) => reader(`${field}[${at}]`, item));
  };
}
