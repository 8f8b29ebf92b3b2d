import type { EdgeviewNet } from "@selvedge/engine";

const nobody = "nobody is there";

/** A simulated network has no dispatchers. */
export const noEdgeview: EdgeviewNet = {
  dispatcher: async () => {
    throw new Error(nobody);
  },
  connect: () => {
    throw new Error(nobody);
  },
  lookup: () => Promise.reject(new Error(nobody)),
  run: () => Promise.reject(new Error(nobody)),
  serverCertificates: () => Promise.reject(new Error(nobody)),
};
