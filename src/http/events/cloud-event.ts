// Converts records to CloudEvents 1.0 in the JSON format. The attributes are those of the Kafka protocol binding (headers
// `ce_*`); a record without them gets its place as source and id.
// https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md

import { isUtf8 } from "node:buffer";
import { isJsonText } from "../../core/json.ts";
import type { ConsumedRecord } from "../../core/ports.ts";
import { isTime } from "../../core/time.ts";
import { json, valueMember } from "./texts.ts";

const PREFIX = "ce_";
/** The names that attributes may have. */
const ATTRIBUTE = /^[a-z0-9]+$/;
/** The start of a JSON object. */
const OBJECT = /^\s*\{/;

/** A record as a CloudEvent. */
export function cloudEvent(record: ConsumedRecord): string {
  const { topic, partition, offset, timestamp, key, headers, value } = record;
  const contentType = headers
    .find((header) => header.key.toLowerCase() === "content-type")
    ?.value?.toString();
  if (value !== null && isStructured(contentType, value)) return value.toString("latin1");
  const attributes: Record<string, string> = {
    specversion: "1.0",
    id: `${partition}-${offset}`,
    source: `/topics/${topic}`,
    type: "kafka.record",
  };
  if (isTime(timestamp)) attributes["time"] = new Date(timestamp).toISOString();
  if (key !== null && isUtf8(key)) attributes["partitionkey"] = key.toString("utf8");
  if (contentType !== undefined) attributes["datacontenttype"] = contentType;
  for (const header of headers) {
    const name = header.key.toLowerCase();
    const attribute = name.slice(PREFIX.length);
    if (!name.startsWith(PREFIX) || header.value === null || !isUtf8(header.value)) continue;
    if (ATTRIBUTE.test(attribute) && attribute !== "data")
      attributes[attribute] = header.value.toString("utf8");
  }
  const start = json(attributes).slice(0, -1);
  return value === null ? `${start}}` : `${start},${valueMember("data", value)}}`;
}

/** Whether the value is a CloudEvent already. A value that is not JSON could end the line, or the JSON, of its event. */
function isStructured(contentType: string | undefined, value: Buffer): boolean {
  const type = contentType?.split(";", 1)[0]?.trim().toLowerCase();
  return (
    type === "application/cloudevents+json" && OBJECT.test(value.toString("latin1")) && isJsonText(value)
  );
}
