export { type BuildOptions, type Built, buildImage } from "./build/build.ts";
export { ProgramError } from "./build/programs.ts";
export type { Progress } from "./build/progress.ts";
export { ConfigFolderError, writeConfig } from "./config-partition.ts";
export { type Profile, ProfileError, parseProfile } from "./profile.ts";
export { type BoxOptions, makeBox, type RunOptions, runBox } from "./run/box.ts";
