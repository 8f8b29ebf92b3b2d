export { Life } from "./life.ts";
export { PillarDevice } from "./pillar/pillar-device.ts";
export { SimClock } from "./sim-clock.ts";
export { controllerHost, SimController } from "./sim-controller.ts";
export { SimNode } from "./sim-node.ts";
export { wireChecks, wireMessages } from "./vectors/wire.ts";
export { daemonSet, registryHost, World, type WorldOptions } from "./world.ts";
