/** Probes, and what is done when a container starts and stops. */
import type { Faults } from "../faults.ts";
import type { Container, LifecycleHandler, Probe, ProbeHandler } from "./container-types.ts";

type Handler = ProbeHandler & LifecycleHandler;

const handlers = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"] as const;
const realTime = (from: string, most: number): string[] =>
  Array.from({ length: most }, (_, at) => `${from}${at + 1}`);
/** As upstream knows them for Linux. */
const signals = [
  ...["SIGABRT", "SIGALRM", "SIGBUS", "SIGCHLD", "SIGCLD", "SIGCONT", "SIGFPE", "SIGHUP", "SIGILL", "SIGINT"],
  ...["SIGIO", "SIGIOT", "SIGKILL", "SIGPIPE", "SIGPOLL", "SIGPROF", "SIGPWR", "SIGQUIT", "SIGSEGV"],
  ...["SIGSTKFLT", "SIGSTOP", "SIGSYS", "SIGTERM", "SIGTRAP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG"],
  ...["SIGUSR1", "SIGUSR2", "SIGVTALRM", "SIGWINCH", "SIGXCPU", "SIGXFSZ"],
  ...["SIGRTMIN", ...realTime("SIGRTMIN+", 15), ...realTime("SIGRTMAX-", 14).reverse(), "SIGRTMAX"],
];
const headerName = /^[-A-Za-z0-9]+$/;

export function checkProbes(faults: Faults, path: string, container: Container, grace: number): void {
  for (const name of ["livenessProbe", "readinessProbe", "startupProbe"] as const) {
    const probe = container[name];
    if (probe === undefined) continue;
    checkProbe(faults, `${path}.${name}`, probe, grace, name !== "readinessProbe");
    checkPortNames(faults, `${path}.${name}`, probe, container);
  }
}

function checkProbe(faults: Faults, path: string, probe: Probe, grace: number, onlyOnce: boolean): void {
  checkHandler(faults, path, probe, grace);
  for (const name of [
    ...(["initialDelaySeconds", "timeoutSeconds", "periodSeconds"] as const),
    ...(["successThreshold", "failureThreshold"] as const),
  ]) {
    faults.atLeastZero(`${path}.${name}`, probe[name]);
  }
  const own = probe.terminationGracePeriodSeconds;
  const ownPath = `${path}.terminationGracePeriodSeconds`;
  if (own !== undefined && !onlyOnce) faults.invalid(ownPath, own, "must not be set for readinessProbes");
  else if (own !== undefined && own <= 0) faults.invalid(ownPath, own, "must be greater than 0");
  if (onlyOnce && probe.successThreshold !== 1) {
    faults.invalid(`${path}.successThreshold`, probe.successThreshold, "must be 1");
  }
}

/** A name that no port has would fail on the box, for ever. */
function checkPortNames(faults: Faults, path: string, handler: Handler, { ports = [] }: Container): void {
  for (const action of ["httpGet", "tcpSocket"] as const) {
    const port = handler[action]?.port;
    if (typeof port !== "string" || ports.some(({ name }) => name === port)) continue;
    faults.invalid(
      `${path}.${action}.port`,
      port,
      "must be a number or the name of one of the container's ports",
    );
  }
}

export function checkLifecycle(faults: Faults, path: string, container: Container, grace: number): void {
  const { lifecycle } = container;
  if (lifecycle === undefined) return;
  for (const name of ["postStart", "preStop"] as const) {
    const handler = lifecycle[name];
    if (handler === undefined) continue;
    checkHandler(faults, `${path}.${name}`, handler, grace);
    checkPortNames(faults, `${path}.${name}`, handler, container);
    if (handler.tcpSocket !== undefined) {
      faults.gap(`${path}.${name}.tcpSocket`, "use exec or httpGet");
    }
  }
  if (lifecycle.stopSignal !== undefined) {
    faults.oneOf(`${path}.stopSignal`, lifecycle.stopSignal, signals);
  }
}

function checkHandler(faults: Faults, path: string, handler: Handler, grace: number): void {
  const said = handlers.filter((name) => handler[name] !== undefined);
  const [first, ...others] = said;
  if (first === undefined) faults.required(path, "must specify a handler type");
  for (const name of others) faults.forbidden(`${path}.${name}`, "may not specify more than 1 handler type");
  if (first === "exec" && !handler.exec?.command?.length) faults.required(`${path}.exec.command`);
  if (first === "httpGet") checkRequest(faults, `${path}.httpGet`, handler);
  if (first === "tcpSocket" && handler.tcpSocket !== undefined) {
    faults.portOrName(`${path}.tcpSocket.port`, handler.tcpSocket.port);
  }
  if (first === "grpc" && handler.grpc !== undefined) faults.port(`${path}.grpc.port`, handler.grpc.port);
  if (first === "sleep" && handler.sleep !== undefined) {
    const { seconds } = handler.sleep;
    if (seconds < 0 || seconds > grace) {
      const detail = `must be non-negative and less than terminationGracePeriodSeconds (${grace})`;
      faults.invalid(`${path}.sleep`, seconds, detail);
    }
  }
}

function checkRequest(faults: Faults, path: string, { httpGet }: Handler): void {
  if (httpGet === undefined) return;
  faults.portOrName(`${path}.port`, httpGet.port);
  faults.oneOf(`${path}.scheme`, httpGet.scheme, ["HTTP", "HTTPS"]);
  for (const { name } of httpGet.httpHeaders ?? []) {
    if (headerName.test(name)) continue;
    const rule = "a valid HTTP header must consist of alphanumeric characters or '-'";
    const detail = `${rule} (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')`;
    faults.invalid(`${path}.httpHeaders`, name, detail);
  }
}
