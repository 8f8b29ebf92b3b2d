export { PillarDevice } from "./pillar/pillar-device.ts";
export { controllerHost } from "./sim-controller.ts";
export { wireChecks, wireMessages } from "./vectors/wire.ts";
export { daemonSet, registryHost, World, type WorldOptions } from "./world.ts";
