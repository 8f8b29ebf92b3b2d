import {
  atomic,
  embedded,
  int32,
  int64,
  intOrString,
  type Message,
  message,
  needed,
  object,
  objects,
  pointer,
  text,
  texts,
} from "../fields.ts";

const execAction: Message = message("A command run inside the container; success is exit code 0.", {
  command: texts(1, "The command and its arguments. No shell reads it.", atomic),
});

const httpHeader: Message = message("One header of the request.", {
  name: text(1, "The header's name.", needed),
  value: text(2, "The header's value.", { ...needed, default: "" }),
});

const httpGetAction: Message = message("An HTTP request; success is a status from 200 to 399.", {
  path: text(1, 'Path to ask for; "/" when not said.'),
  port: intOrString(2, "Port number, or the name of one of the container's ports.", needed),
  host: text(3, "Host to connect to; the Pod itself when not said."),
  scheme: text(4, "HTTP or HTTPS. The certificate is not checked."),
  httpHeaders: objects(5, httpHeader, "Headers to send.", atomic),
});

const tcpSocketAction: Message = message("A TCP connection; success is that it opens.", {
  port: intOrString(1, "Port number, or the name of one of the container's ports.", needed),
  host: text(2, "Host to connect to; the Pod itself when not said."),
});

const grpcAction: Message = message(
  "A call to the gRPC health service, over plain HTTP/2; success is SERVING.",
  {
    port: int32(1, "Port number of the service.", { ...needed, default: 0 }),
    service: text(2, "Service name to put into the request.", pointer),
  },
);

const sleepAction: Message = message("Waits.", {
  seconds: int64(1, "How long.", { ...needed, default: 0 }),
});

const probeHandler: Message = message("What a probe does.", {
  exec: object(1, execAction, "Run a command in the container.", pointer),
  httpGet: object(2, httpGetAction, "Send an HTTP request.", pointer),
  tcpSocket: object(3, tcpSocketAction, "Open a TCP connection.", pointer),
  grpc: object(4, grpcAction, "Call the gRPC health service.", pointer),
});

export const probe: Message = message(
  "A check that is repeated as long as the container runs. The node makes it, with or without a controller.",
  {
    handler: embedded(1, probeHandler),
    initialDelaySeconds: int32(2, "How long after the start the first check is made."),
    timeoutSeconds: int32(3, "How long one check may take. 1 when not said."),
    periodSeconds: int32(4, "How often to check. 10 when not said."),
    successThreshold: int32(
      5,
      "How many successes in a row make up for a failure. 1 when not said; must be 1 for liveness and startup.",
    ),
    failureThreshold: int32(6, "How many failures in a row count as failed. 3 when not said."),
    terminationGracePeriodSeconds: int64(
      7,
      "How long the container may take to end when this probe has failed, instead of the Pod's own grace.",
      pointer,
    ),
  },
);

const lifecycleHandler: Message = message("What is done at one moment of a container's life.", {
  exec: object(1, execAction, "Run a command in the container.", pointer),
  httpGet: object(2, httpGetAction, "Send an HTTP request.", pointer),
  tcpSocket: object(3, tcpSocketAction, "Not supported here: use exec or httpGet.", pointer),
  sleep: object(4, sleepAction, "Wait.", pointer),
});

export const lifecycle: Message = message(
  "What is done when a container has started and before it is stopped.",
  {
    postStart: object(
      1,
      lifecycleHandler,
      "Done right after the start. The container is killed when it fails.",
      pointer,
    ),
    preStop: object(
      2,
      lifecycleHandler,
      "Done before the container is told to end. Its time counts as part of the grace.",
      pointer,
    ),
    stopSignal: text(
      3,
      "Signal that asks the container to end; the image's own STOPSIGNAL, or SIGTERM, when not said.",
      pointer,
    ),
  },
);
