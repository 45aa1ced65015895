// Defines the topic configurations of the development broker, with the names and defaults of Apache Kafka 4.

/** The default values by name. A configuration with another name is rejected. */
export const TOPIC_DEFAULTS: Readonly<Record<string, string>> = {
  "cleanup.policy": "delete",
  "compression.type": "producer",
  "delete.retention.ms": "86400000",
  "file.delete.delay.ms": "60000",
  "flush.messages": "9223372036854775807",
  "flush.ms": "9223372036854775807",
  "index.interval.bytes": "4096",
  "max.compaction.lag.ms": "9223372036854775807",
  "max.message.bytes": "1048588",
  "message.timestamp.after.max.ms": "3600000",
  "message.timestamp.before.max.ms": "9223372036854775807",
  "message.timestamp.type": "CreateTime",
  "min.cleanable.dirty.ratio": "0.5",
  "min.compaction.lag.ms": "0",
  "min.insync.replicas": "1",
  preallocate: "false",
  "retention.bytes": "-1",
  "retention.ms": "604800000",
  "segment.bytes": "1073741824",
  "segment.index.bytes": "10485760",
  "segment.jitter.ms": "0",
  "segment.ms": "604800000",
  "unclean.leader.election.enable": "false",
};

/** Returns why a configuration is invalid; undefined when it is valid. A null value means the default. */
export function configError(name: string, value: string | null): string | undefined {
  const fallback = TOPIC_DEFAULTS[name];
  if (fallback === undefined) return `Unknown topic config name: ${name}`;
  if (value === null) return undefined;
  if (name === "cleanup.policy")
    return /^(compact|delete)(,(compact|delete))?$/.test(value)
      ? undefined
      : `Invalid value ${value} for configuration ${name}`;
  if (/^-?\d/.test(fallback) && !/^-?\d+(\.\d+)?$/.test(value))
    return `Invalid value ${value} for configuration ${name}: Not a number`;
  return undefined;
}
