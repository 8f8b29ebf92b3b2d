/**
 * `selvedge test vectors [DIR]`: replays recorded data. DIR may hold `eve/` (exchanges between EVE's client
 * and another controller), `server-side-apply.jsonl` (merges of the reference implementation) and `wire/`
 * (objects in protobuf, JSON and YAML, as k8s.io/api keeps them in testdata/HEAD). Without DIR: the repo's own
 * copies.
 */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { replayApplyCases } from "@selvedge/apimachinery";
import type { Check } from "./vectors/check.ts";
import { readRecording } from "./vectors/recording.ts";
import { replayRequests } from "./vectors/replay-gateway.ts";
import { verifyAnswers } from "./vectors/verify-answers.ts";
import { wireChecks } from "./vectors/wire.ts";

const usage = "Usage: ./selvedge test vectors [DIR]";
const packages = resolve(import.meta.dirname, "../..");

const [dir, ...more] = process.argv.slice(2);
if (more.length > 0 || dir?.startsWith("-")) {
  console.error(usage);
  process.exit(2);
}
process.exit(await run(dir === undefined ? undefined : resolve(dir)));

async function run(folder: string | undefined): Promise<number> {
  if (folder !== undefined && !existsSync(folder)) {
    console.error(`selvedge test vectors: there is no folder ${folder}`);
    return 2;
  }
  const eve = folder ?? join(packages, "eve-api/testdata");
  const apply = folder ?? join(packages, "apimachinery/testdata");
  const checks = [
    ...(await exchangeChecks(join(eve, "eve"))),
    ...applyChecks(join(apply, "server-side-apply.jsonl")),
    ...(folder === undefined ? [] : wireChecks(join(folder, "wire"))),
  ];
  if (checks.length === 0) {
    console.error(`selvedge test vectors: ${folder} holds no eve/http, server-side-apply.jsonl or wire`);
    return 2;
  }
  const failed = checks.filter(({ fault }) => fault !== undefined);
  for (const { name, note } of checks) if (note !== undefined) console.log(`note ${name}: ${note}`);
  for (const { name, fault } of failed) console.log(`FAIL ${name}: ${fault}`);
  console.log(`${checks.length - failed.length} passed, ${failed.length} failed`);
  return failed.length > 0 ? 1 : 0;
}

async function exchangeChecks(folder: string): Promise<Check[]> {
  const recording = readRecording(folder);
  if (recording === undefined) return [];
  return [...(await replayRequests(recording)), ...(await verifyAnswers(recording))];
}

function applyChecks(file: string): Check[] {
  if (!existsSync(file)) return [];
  const { passed, failures } = replayApplyCases(readFileSync(file, "utf8"));
  const name = "server-side-apply.jsonl";
  return [
    ...Array.from({ length: passed }, () => ({ name, fault: undefined })),
    ...failures.map((fault) => ({ name, fault })),
  ];
}
