// The lines that `start --dev` prints for a person: requests that the configuration accepts.

import { setTimeout as delay } from "node:timers/promises";
import { DEFAULT_URL } from "../client/gateway.ts";
import type { Config } from "../config/load.ts";
import { createAuth } from "../http/auth/tokens.ts";
import { exampleValue } from "./example-value.ts";
import type { Gateway } from "./gateway.ts";

/** The interval of the checks until Kafka can be used, in milliseconds. */
const CHECK_MS = 100;

/**
 * Prints which Kafka is used and, as soon as it can be used, what to try. Resolves after that, or when
 * `stopping` is aborted.
 *
 * @param print prints one line
 * @param hasFile whether there is a configuration file
 */
export async function greet(
  config: Config,
  gateway: Gateway,
  print: (line: string) => void,
  hasFile: boolean,
  stopping: AbortSignal,
): Promise<void> {
  for (const line of gateway.devBroker ? banner(gateway.devBroker) : kafkaLines(config)) print(line);
  for (let isReported = false; ; isReported = true) {
    const fault = Object.values(gateway.readiness()).find(({ ready }) => !ready);
    if (!fault) break;
    if (!isReported)
      for (const line of ["", `  Onramp is not ready: ${fault.detail}. Onramp tries again.`]) print(line);
    await delay(CHECK_MS, undefined, { signal: stopping }).catch(() => {});
    if (stopping.aborted) return;
  }
  const commands = commandsToTry(config, gateway).map((line) => `  ${line}`);
  for (const line of ["", "  Onramp is ready. Try:", "", ...commands, ""]) print(line);
  if (gateway.devBroker && !hasFile && config.devBroker.samples) for (const line of SAMPLES) print(line);
}

const kafkaLines = ({ kafka }: Config): string[] => [
  "",
  `  Kafka: ${kafka.brokers.join(", ")}. The development broker was not started.`,
  kafka.createTopics === true
    ? "  Onramp creates the missing topics of the configuration in it (kafka.createTopics)."
    : "  Onramp creates no topics in it, because kafka.createTopics is not true.",
];

const SAMPLES = [
  "  Onramp writes a sample order per second to sample.orders (ONRAMP_DEV_BROKER_SAMPLES=false switches this off).",
  "",
];

function banner(address: string): string[] {
  return [
    "",
    "  ************************************************************************",
    "  *  DEVELOPMENT BROKER: records are in this process's memory, and are   *",
    "  *  lost when it ends. Set KAFKA_BROKERS to use a real Kafka cluster.   *",
    "  ************************************************************************",
    `  Kafka clients on this machine can connect to ${address}`,
  ];
}

/** Commands to try, without empty lines. */
function commandsToTry(config: Config, { apiUrl, devBroker }: Gateway): string[] {
  const tokens = config.http.auth === "none" ? undefined : config.http.auth?.tokens;
  const auth = createAuth(tokens);
  const callers = Object.keys(tokens ?? { none: {} }).map((name) => auth.byName(tokens ? name : undefined));
  const named = Object.keys(config.topics);
  const topics = named.length === 0 && devBroker ? ["orders"] : named;
  const requests = topics.flatMap((topic) => {
    const caller = callers.find((each) => each?.mayProduce(topic));
    return caller ? [{ topic, value: exampleValue(config.compiled.topics.get(topic)?.schema) }] : [];
  });
  const { topic, value } = requests.find((request) => request.value !== undefined) ?? requests[0] ?? {};
  const authorization = tokens ? ` -H "authorization: Bearer $ONRAMP_TOKEN"` : "";
  // The certificate is for the host name, not for the address that is printed, so that curl must not verify it.
  const curl = `curl -sS${config.http.tls ? "k" : ""}${authorization}`;
  if (topic === undefined) return [`${curl} ${apiUrl}/topics`];
  const data = value === undefined ? "@record.json" : `'${value.replaceAll("'", "'\\''")}'`;
  const lines = [`${curl} ${apiUrl}/topics/${topic} -H 'content-type: application/json' -d ${data}`];
  if (value === undefined)
    lines.unshift(
      `# Write a value that matches the schema (${apiUrl}/topics/${topic}/schema) to record.json first.`,
    );
  if (!config.http.tls && callers.some((caller) => caller?.mayRead(topic)))
    lines.push(`npx kafka-onramp tail ${topic}${apiUrl === DEFAULT_URL ? "" : ` --url ${apiUrl}`}`);
  return lines;
}
