/** An engine's app domain as a process of its own, to be killed: `node app-engine.ts FOLDER`. */
import { ext } from "@selvedge/eve-api";
import { AppWorld, type PodInit } from "./app-world.ts";

export const counter: PodInit = {
  restartPolicy: ext.RestartPolicy.ALWAYS,
  containers: [
    { name: "main", command: ["sh", "-c", "i=0; while :; do echo line $i; i=$((i+1)); sleep 0.02; done"] },
  ],
};

if (import.meta.main) {
  const world = await AppWorld.open({ folder: process.argv[2] ?? "" });
  const id = world.apply("counter", counter);
  await world.untilLog(id, /line 10$/);
  console.log(
    JSON.stringify(world.store.apps.get(id)?.report.containers[0]?.state, (_key, it) =>
      typeof it === "bigint" ? `${it}` : it,
    ),
  );
}
