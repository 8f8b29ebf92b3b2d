export { type Candidate, findCompressed } from "./kernel-image.ts";
