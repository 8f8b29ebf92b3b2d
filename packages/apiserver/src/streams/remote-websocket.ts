import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { AttachOptions, ProcessSession } from "./pod-streams.ts";
import { type ClientChannels, parseSize, runSession } from "./remote-command.ts";
import { acceptWebSocket, negotiate, offeredProtocols } from "./websocket.ts";
import { type ChannelEncoding, WebSocketChannels } from "./websocket-channels.ts";

const protocols: Readonly<Record<string, { readonly encoding: ChannelEncoding; readonly closes: boolean }>> =
  {
    "v5.channel.k8s.io": { encoding: "binary", closes: true },
    "v4.channel.k8s.io": { encoding: "binary", closes: false },
    "v4.base64.channel.k8s.io": { encoding: "base64", closes: false },
  };
const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;

/** exec and attach over a WebSocket. `open` is called once the client is known to speak what we do, so that its
 * refusal is still an ordinary HTTP answer. */
export async function serveWebSocketCommand(
  request: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
  options: AttachOptions,
  open: () => Promise<ProcessSession>,
): Promise<void> {
  const protocol = negotiate(offeredProtocols(request), Object.keys(protocols));
  const session = await open();
  const webSocket = acceptWebSocket(request, socket, head, protocol);
  const { encoding, closes } = protocols[protocol] ?? { encoding: "binary", closes: false };
  if (webSocket === undefined) return session.close();
  const channels = new WebSocketChannels(webSocket, encoding, closes);
  const client: ClientChannels = {
    stdin: options.stdin ? channels.readable(channel.stdin) : undefined,
    stdout: options.stdout ? channels.writable(channel.stdout) : undefined,
    stderr: options.stderr && !options.tty ? channels.writable(channel.stderr) : undefined,
    gone: channels.gone,
    onResize: (listener) =>
      channels.listen(channel.resize, (text) => {
        const size = parseSize(text);
        if (size !== undefined) listener(size.width, size.height);
      }),
    finish: async (status) => {
      await channels.send(channel.error, Buffer.from(status));
      channels.close();
    },
  };
  await runSession(session, client);
}
