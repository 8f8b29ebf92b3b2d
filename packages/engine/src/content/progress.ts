/** How far the fetching of one content is. */
export type Progress =
  | { readonly phase: "downloading"; readonly bytes: number; readonly total: number }
  | { readonly phase: "building" };
