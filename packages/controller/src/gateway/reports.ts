import { fromBinary } from "@bufbuild/protobuf";
import { type EndpointName, flowlog, hardwareHealth, info, logs, metrics } from "@selvedge/eve-api";
import type { NodeId, Reports } from "../ports.ts";
import { notFound, type Refused, unreadable } from "./answers.ts";
import { fromAppLogBundle, fromLogBundle } from "./legacy-logs.ts";

/** Reads what a node reports and hands it on; undefined when it was taken. */
export async function takeReport(
  reports: Reports,
  name: EndpointName,
  { node, app }: { readonly node: NodeId; readonly app: string },
  payload: Uint8Array,
): Promise<Refused | undefined> {
  switch (name) {
    case "info": {
      const read = parse(info.ZInfoMsgSchema, payload);
      return read === undefined ? unreadable("ZInfoMsg") : void (await reports.info(node, read));
    }
    case "metrics": {
      const read = parse(metrics.ZMetricMsgSchema, payload);
      return read === undefined
        ? unreadable("ZMetricMsg")
        : void (await reports.metrics(node, read, payload));
    }
    case "logs": {
      const read = parse(logs.LogBundleSchema, payload);
      if (read === undefined) return unreadable("LogBundle");
      return void (await reports.deviceLogs(node, fromLogBundle(read)));
    }
    case "appLogs": {
      const read = parse(logs.AppInstanceLogBundleSchema, payload);
      if (read === undefined) return unreadable("AppInstanceLogBundle");
      return void (await reports.appLogs(node, app, fromAppLogBundle(read)));
    }
    case "flowlog": {
      const read = parse(flowlog.FlowMessageSchema, payload);
      return read === undefined ? unreadable("FlowMessage") : void (await reports.flows(node, read));
    }
    case "hardwarehealth": {
      const read = parse(hardwareHealth.ZHardwareHealthSchema, payload);
      if (read === undefined) return unreadable("ZHardwareHealth");
      return void (await reports.hardwareHealth(node, read));
    }
    default:
      return notFound(name);
  }
}

/** Undefined when the bytes are no such message. */
export function parse<Desc extends Parameters<typeof fromBinary>[0]>(
  schema: Desc,
  payload: Uint8Array,
): ReturnType<typeof fromBinary<Desc>> | undefined {
  try {
    return fromBinary(schema, payload);
  } catch {
    return undefined;
  }
}
