/** What an engine reads of a controller and of the one who put it up. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import { type DescField, fromBinary } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { below, instant, type SeededRandom } from "@selvedge/base";
import { config, decodeEnvelope, EnvelopeError } from "@selvedge/eve-api";
import { ConfigFault } from "../../packages/engine/src/control/config-fault.ts";
import {
  BadSignatureError,
  ControllerCertsError,
  openEnvelope,
  readControllerCerts,
  UnknownSignerError,
} from "../../packages/engine/src/control/controller-certs.ts";
import {
  EnrolmentConfigError,
  parseEnrolmentConfig,
} from "../../packages/engine/src/control/enrolment-config.ts";
import { translate } from "../../packages/engine/src/control/translate.ts";
import { randomMessage } from "../interop/eve-schema/random-message.ts";
import { fuzz, mutated, pick, recordedBodies } from "./fuzz.ts";

const keys = join(import.meta.dirname, "../../packages/eve-api/testdata/eve/keys");
const pem = (name: string): string => readFileSync(join(keys, `${name}.pem`), "utf8");
const recordedAt = instant(Date.UTC(2026, 10, 24, 18));
const root = pem("root");
const [answer = new Uint8Array()] = recordedBodies("http/001-get-certs-200/response.body");
const list = decodeEnvelope(answer).payload;
const trusted = readControllerCerts(list, [root], recordedAt);
const noSecrets = async (): Promise<never> => assert.fail("nothing is opened");

describe("a controller's answers", () => {
  const answers = recordedBodies("http/*/response.body");
  const known = new Set(
    answers.flatMap((body) => {
      try {
        return [openEnvelope(body, [trusted]).toHex()];
      } catch {
        return [];
      }
    }),
  );
  const declared = [EnvelopeError, UnknownSignerError, BadSignatureError];
  fuzz("are believed when it signed them", { cases: 60_000, declared }, (random) => {
    const body = mutated(answers, random);
    assert.ok(known.has(openEnvelope(body, [trusted]).toHex()), "another payload was believed");
  });

  fuzz(
    "give certificates that chain, or none",
    { cases: 10_000, declared: [ControllerCertsError] },
    (random) => {
      const read = readControllerCerts(mutated([list], random), [root], recordedAt);
      const signer = Buffer.from(read.signing.hash).toString("hex");
      assert.equal(
        signer,
        Buffer.from(trusted.signing.hash).toString("hex"),
        "a stranger's certificate was believed",
      );
    },
  );
});

const recordedConfigs = recordedBodies("config-*.pb");

describe("configurations", () => {
  fuzz(
    "recorded and changed are translated or refused by field",
    { cases: 40_000, declared: [ConfigFault] },
    (random) => {
      let message: config.EdgeDevConfig;
      try {
        message = fromBinary(config.EdgeDevConfigSchema, mutated(recordedConfigs, random));
      } catch {
        return;
      }
      translate(message, "hash", noSecrets);
    },
  );

  fuzz("with anything in one place are too", { cases: 20_000, declared: [ConfigFault] }, (random) => {
    const message = fromBinary(config.EdgeDevConfigSchema, pick(recordedConfigs, random));
    spoil(reflect(config.EdgeDevConfigSchema, message), random);
    translate(message, "hash", noSecrets);
  });
});

/** Goes down to some place of a message, and puts anything there that its type allows, or nothing. */
function spoil(message: ReflectMessage, random: SeededRandom): void {
  const set = message.fields.filter((field) => message.isSet(field));
  const down = set.length > 0 && random.next() < 0.8 ? pick(set, random) : undefined;
  const inner = down && innerOf(message, down, random);
  if (inner !== undefined) {
    spoil(inner, random);
    return;
  }
  const field = down ?? pick(message.fields, random);
  const content = { random, likely: 0.7, leaveOut: () => false };
  const noise = reflect(message.desc, randomMessage(message.desc, content, 2));
  if (noise.isSet(field)) message.set(field, noise.get(field));
  else message.clear(field);
}

/** The message that a field holds, or one of those in its list. */
function innerOf(
  message: ReflectMessage,
  field: DescField,
  random: SeededRandom,
): ReflectMessage | undefined {
  if (field.fieldKind === "message") return message.get(field);
  if (field.fieldKind !== "list" || field.listKind !== "message") return undefined;
  const list = message.get(field);
  return list.get(below(random, list.size)) as ReflectMessage | undefined;
}

describe("the folder that the fitter brings", () => {
  const good = {
    server: "controller.example:8443\n",
    "root-certificate.pem": root,
    "onboard.cert.pem": pem("onboard"),
    "onboard.key.pem": pem("onboard-key"),
    soft_serial: "box-1\n",
  };
  fuzz("is used or refused by file", { cases: 4000, declared: [EnrolmentConfigError] }, (random) => {
    const name = pick(Object.keys(good) as (keyof typeof good)[], random);
    const text = Buffer.from(mutated([new TextEncoder().encode(good[name])], random)).toString("latin1");
    parseEnrolmentConfig({ ...good, [name]: text }, "serial");
  });
});
