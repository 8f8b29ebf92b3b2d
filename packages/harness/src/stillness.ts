/**
 * Whether this thread has come to rest: nothing is under way that ends without simulated time. Promises need
 * no look, a turn of the event loop empties them all; what Node does for us beside the loop does.
 */

/** Names of what Node has under way on our behalf; other resources (pipes, ports) only wait to be used. */
const working: ReadonlySet<string> = new Set(["Immediate", "FSReqPromise", "FSReqCallback", "CloseReq"]);

let ciphering = 0;

export function isStill(): boolean {
  return ciphering === 0 && !process.getActiveResourcesInfo().some((name) => working.has(name));
}

/** Web Crypto works on threads of which no list tells, so its calls are counted. */
function countCiphering(): void {
  const prototype = Object.getPrototypeOf(crypto.subtle) as Record<string, unknown>;
  for (const name of Object.getOwnPropertyNames(prototype)) {
    const method = Object.getOwnPropertyDescriptor(prototype, name)?.value as unknown;
    if (name === "constructor" || typeof method !== "function") continue;
    prototype[name] = function counted(this: unknown, ...args: unknown[]): unknown {
      const result: unknown = Reflect.apply(method, this, args);
      if (!(result instanceof Promise)) return result;
      ciphering++;
      const done = (): void => void ciphering--;
      result.then(done, done);
      return result;
    };
  }
}

countCiphering();
