/**
 * Node's http, got in the one way that loads nothing else: an import of it also looks at its WebSocket, and
 * with that comes all of fetch, 7 MB that stay.
 */
const http: typeof import("node:http") = process.getBuiltinModule("node:http");

export const Agent: typeof http.Agent = http.Agent;
export const request: typeof http.request = http.request;
export const createServer: typeof http.createServer = http.createServer;
