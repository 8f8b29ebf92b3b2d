import type { Header } from "tar-stream";
import { BadImageError } from "../image-builder.ts";

/** What a tar says of one entry; only the name is always there. */
export type EntryHeader = Partial<Header> & Pick<Header, "name">;

/**
 * The merged tree of an image, made from the headers of its layers alone.
 *
 * Every entry that carries something is an `Inode`, known by its place (layer, entry). Names point at
 * inodes, so a hard link keeps its content when a later layer replaces the name it was made from. No name
 * ever reaches the host's file system: the tree says which entries go into the image, and under which
 * names.
 */
export interface Inode {
  readonly layer: number;
  readonly entry: number;
  readonly header: EntryHeader;
}

interface Node {
  inode: Inode | undefined;
  /** Present for folders only. */
  children: Map<string, Node> | undefined;
  /** Which layer last wrote here: an opaque marker hides only what came from below. */
  layer: number;
}

/** An image with more names is an attack or a mistake; a full desktop distribution has about 300,000. */
const entriesMax = 1_000_000;
/** Linux' own limits. */
const pathMax = 4096;
const componentMax = 255;
const symlinkHopsMax = 40;

export class LayerTree {
  readonly #root: Node = { inode: undefined, children: new Map(), layer: -1 };
  #entries = 0;

  /** Takes the next entry of a layer; layers come lowest first. */
  add(layer: number, entry: number, header: EntryHeader): void {
    this.#entries++;
    if (this.#entries > entriesMax) throw new BadImageError(`the image has more than ${entriesMax} entries`);
    const path = splitPath(header.name);
    const name = path.pop();
    if (name === undefined) return;
    if (name === ".wh..wh..opq") {
      this.#hideBelow(this.#folder(path, layer), layer);
      return;
    }
    if (name.startsWith(".wh.")) {
      this.#folder(path, layer).children?.delete(name.slice(4));
      return;
    }
    const parent = this.#folder(path, layer);
    const before = parent.children?.get(name);
    if (header.type === "directory") {
      const children = before?.children ?? new Map<string, Node>();
      parent.children?.set(name, { inode: { layer, entry, header }, children, layer });
      return;
    }
    const inode = header.type === "link" ? this.#linked(header) : { layer, entry, header };
    if (inode !== undefined) parent.children?.set(name, { inode, children: undefined, layer });
  }

  /** Folders first, parents before children; then every other inode with its surviving names. */
  result(): { folders: [path: string, header: EntryHeader | undefined][]; inodes: Map<Inode, string[]> } {
    const folders: [string, EntryHeader | undefined][] = [];
    const inodes = new Map<Inode, string[]>();
    const stack: [string, Node][] = [["", this.#root]];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const [path, node] = next;
      if (node.children === undefined) {
        if (node.inode === undefined) continue;
        const names = inodes.get(node.inode);
        if (names === undefined) inodes.set(node.inode, [path]);
        else names.push(path);
        continue;
      }
      if (path !== "") folders.push([path, node.inode?.header]);
      for (const [name, child] of node.children) stack.push([path === "" ? name : `${path}/${name}`, child]);
    }
    return { folders, inodes };
  }

  #linked(header: EntryHeader): Inode | undefined {
    const path = splitPath(header.linkname ?? "");
    const name = path.pop();
    const target = name === undefined ? undefined : this.#find(path)?.children?.get(name);
    if (target?.inode === undefined || target.children !== undefined)
      throw new BadImageError(`${header.name} is a hard link to ${header.linkname}, which is not there`);
    return target.inode;
  }

  #find(path: readonly string[]): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const part of this.#real(path)) node = node?.children?.get(part);
    return node;
  }

  /**
   * The folder at `path`, made where it is missing; symbolic links on the way are followed inside the
   * image.
   */
  #folder(path: readonly string[], layer: number): Node {
    let node = this.#root;
    for (const part of this.#real(path)) {
      let next = node.children?.get(part);
      if (next?.children === undefined) {
        next = { inode: undefined, children: new Map(), layer };
        node.children?.set(part, next);
      }
      node = next;
    }
    return node;
  }

  #real(path: readonly string[]): string[] {
    let rest = [...path];
    let done: string[] = [];
    let node: Node | undefined = this.#root;
    let hops = 0;
    for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
      const next: Node | undefined = node?.children?.get(part);
      if (next?.inode?.header.type === "symlink" && next.children === undefined) {
        hops++;
        if (hops > symlinkHopsMax) throw new BadImageError(`too many symbolic links at ${path.join("/")}`);
        const target = next.inode.header.linkname ?? "";
        const base: string[] = target.startsWith("/") ? [] : done;
        rest = [...normalize([...base, ...target.split("/")]), ...rest];
        done = [];
        node = this.#root;
      } else {
        done.push(part);
        node = next;
      }
    }
    return done;
  }

  #hideBelow(folder: Node, layer: number): void {
    for (const [name, child] of folder.children ?? []) {
      if (child.layer !== layer && !hasFrom(child, layer)) folder.children?.delete(name);
      else if (child.children !== undefined) this.#hideBelow(child, layer);
    }
  }
}

function hasFrom(node: Node, layer: number): boolean {
  if (node.layer === layer) return true;
  for (const child of node.children?.values() ?? []) if (hasFrom(child, layer)) return true;
  return false;
}

/** A link may climb above the root; there it stays at the root, as in a chroot. */
function normalize(parts: readonly string[]): string[] {
  const out: string[] = [];
  for (const part of parts) {
    if (part === "..") out.pop();
    else if (part !== "" && part !== ".") out.push(part);
  }
  return out;
}

function splitPath(name: string): string[] {
  if (name.length > pathMax) throw new BadImageError(`a path is longer than ${pathMax}`);
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  for (const part of parts) {
    if (part === "..") throw new BadImageError(`${name} leaves the image by ".."`);
    if (part.includes("\0")) throw new BadImageError(`${JSON.stringify(name)} holds a zero byte`);
    if (part.length > componentMax)
      throw new BadImageError(`a name in ${name} is longer than ${componentMax}`);
  }
  return parts;
}
