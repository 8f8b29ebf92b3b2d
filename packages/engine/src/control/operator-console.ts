/**
 * A local operator console: it stands in for the controller while that cannot be reached, with configurations
 * that the controller signed. What it may say of its own are commands, each once; over a line that anybody
 * could speak on they need the token that the configuration has for local servers.
 *
 *   compound answer ─┬─ configuration ─► signed by the controller? not older? ─► acceptor
 *                    └─ commands ─► newer than the last? ─► operator
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Clock, describeError, type Log, type Random, seconds, uuid } from "@selvedge/base";
import { auth, compound, decodeEnvelope, pathOf } from "@selvedge/eve-api";
import type { DesiredState } from "../desired.ts";
import type { Cell } from "../engine-store.ts";
import { type HttpClient, HttpError, readBody } from "../host/http.ts";
import type { Operator } from "../operator/operator.ts";
import type { Attestation } from "./attestation.ts";
import type { ConfigAcceptor } from "./config-acceptor.ts";
import { UnknownSignerError } from "./controller-certs.ts";
import { ControllerClient, type ControllerClientParts } from "./controller-client.ts";
import { appOrders } from "./local/local-messages.ts";
import type { LocalServer } from "./local/local-server.ts";
import type { Secrets } from "./secrets.ts";
import type { Settings } from "./settings/settings.ts";

export interface OperatorConsoleParts extends ControllerClientParts {
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly accepted: Cell<DesiredState | undefined>;
  readonly acceptor: ConfigAcceptor;
  readonly attestation: Attestation;
  readonly operator: Operator;
  readonly local: Pick<LocalServer, "commandApps" | "commandNode">;
  readonly settings: Settings;
  readonly secrets: Secrets;
  readonly node: () => string;
}

const timeoutMs = seconds(60);
/** A configuration as large as the controller's, and commands beside it. */
const answerMax = 17 * 2 ** 20;

export class OperatorConsole {
  readonly #parts: OperatorConsoleParts;
  #client: { readonly url: string; readonly client: ControllerClient } | undefined;
  #failing = false;

  constructor(parts: OperatorConsoleParts) {
    this.#parts = parts;
  }

  /** Who speaks to the console the configuration names; undefined when it names none. */
  get client(): ControllerClient | undefined {
    const url = this.#parts.accepted.get()?.node?.operatorConsole?.url;
    if (url === undefined) return undefined;
    if (this.#client?.url !== url) {
      const config = { ...this.#parts.config, baseUrl: url };
      this.#client = { url, client: new ControllerClient({ ...this.#parts, config }) };
    }
    return this.#client.client;
  }

  /** Asks for a configuration in the controller's place; true when it gave another one. */
  async poll(signal: AbortSignal): Promise<boolean> {
    const { log, operator, settings, clock } = this.#parts;
    const { client } = this;
    if (client === undefined) return false;
    try {
      const answer = await this.#ask(client, signal);
      const isNew = answer !== undefined && (await this.#take(client, answer, signal));
      // Only where it is said that there is no other is the console as good as the controller.
      if (settings.choice("airgap.mode") === "enabled") operator.heard();
      if (this.#failing) log.info("the operator console answers");
      this.#failing = false;
      return isNew;
    } catch (error) {
      signal.throwIfAborted();
      if (!this.#failing)
        log.warn("the operator console is not heeded", { error: describeError(error), at: clock.now() });
      this.#failing = true;
      return false;
    }
  }

  /** Undefined when it has nothing new. */
  async #ask(
    client: ControllerClient,
    signal: AbortSignal,
  ): Promise<compound.CompoundEdgeDevConfig | undefined> {
    const { http, config, random, acceptor, attestation, operator, node } = this.#parts;
    const request = create(compound.CompoundEdgeDevConfigRequestSchema, {
      lastCmdTimestamp: operator.local.consoleAt,
      cfgReq: { configHash: acceptor.heardHash, integrityToken: attestation.token },
    });
    const payload = toBinary(compound.CompoundEdgeDevConfigRequestSchema, request);
    const path = pathOf("compoundConfig", { node: node() });
    const response = await http.send({
      ...{ method: "POST", url: `${this.#client?.url}${path}`, timeoutMs, signal },
      headers: { "x-request-id": uuid(random), "content-type": "application/x-proto-binary" },
      body: await client.envelope(payload),
      certificates: config.roots,
    });
    const body = await readBody(response, answerMax);
    if (response.status === 304 || response.status === 204) return undefined;
    if (response.status !== 200 && response.status !== 201)
      throw new HttpError(`the console answers compound-config with ${response.status}`);
    return fromBinary(compound.CompoundEdgeDevConfigSchema, body);
  }

  async #take(
    client: ControllerClient,
    answer: compound.CompoundEdgeDevConfig,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { acceptor, node } = this.#parts;
    if (answer.protectedConfig === undefined) throw new Error("the answer holds no configuration");
    const envelope = await this.#plain(answer.protectedConfig);
    const payload = await this.#open(client, envelope, signal);
    const outcome = await acceptor.take(envelope, payload, node());
    if (outcome === "refused") throw new Error(`its configuration is refused: ${acceptor.refusal?.message}`);
    await this.#command(answer);
    return outcome === "accepted";
  }

  /** Commands come after a configuration that is the controller's, and never twice. */
  async #command({
    timestamp,
    devCmd,
    appCmdList,
    radioConfig,
  }: compound.CompoundEdgeDevConfig): Promise<void> {
    const { operator, local, accepted, log } = this.#parts;
    if (timestamp <= operator.local.consoleAt) return;
    const { localServer, operatorConsole } = accepted.get()?.node ?? {};
    const secure = operatorConsole?.url.startsWith("https:") === true;
    const tokenFits = (token: string): boolean => {
      const fits = secure || (token !== "" && token === localServer?.token);
      if (!fits) log.warn("a command came over a line that is not secure, without the token");
      return fits;
    };
    // First remembered: a command that is lost is given again, one that is done twice is not undone.
    await operator.changeLocal((it) => ({ ...it, consoleAt: timestamp }));
    if (radioConfig !== undefined && tokenFits(radioConfig.serverToken))
      await operator.changeLocal((it) => ({ ...it, radioSilence: radioConfig.radioSilence }));
    if (appCmdList !== undefined && tokenFits(appCmdList.serverToken)) {
      const apps = (accepted.get()?.apps ?? []).map(({ id, displayName }) => ({ id, displayName }));
      await local.commandApps(appOrders(appCmdList, apps));
    }
    if (devCmd !== undefined && tokenFits(devCmd.serverToken))
      await local.commandNode(devCmd.command, devCmd.timestamp, "the operator console");
  }

  /** A configuration may be sealed to this node on its way; the signature is over what was sealed. */
  async #plain(container: auth.AuthContainer): Promise<Uint8Array> {
    const { secrets } = this.#parts;
    const { cipherContext, cipherData } = container;
    if (cipherData === undefined) return toBinary(auth.AuthContainerSchema, container);
    if (cipherContext === undefined) throw new Error("the configuration is sealed, and nothing says how");
    const payload = await secrets.openWith(cipherContext, cipherData);
    const { algo, senderCertHash, signatureHash } = container;
    const plain = { algo, senderCertHash, signatureHash, protectedPayload: { payload } };
    return toBinary(auth.AuthContainerSchema, create(auth.AuthContainerSchema, plain));
  }

  /** The controller may have changed its key while it could not be reached: the console passes that on. */
  async #open(client: ControllerClient, envelope: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const { trust } = this.#parts;
    try {
      return trust.open(envelope);
    } catch (error) {
      if (!(error instanceof UnknownSignerError)) throw error;
      const raw = await client.readCerts(signal);
      await trust.learn(decodeEnvelope(raw).payload, "never an older key");
      return trust.open(envelope);
    }
  }
}
