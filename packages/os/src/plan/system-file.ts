/** A file of ours in a slot. */
export interface SystemFile {
  readonly path: string;
  readonly content: { readonly text: string } | { readonly link: string };
}

export function file(path: string, text: string): SystemFile {
  return { path, content: { text } };
}

export function link(path: string, target: string): SystemFile {
  return { path, content: { link: target } };
}
