// The lines that `start --dev` prints for a person: which Kafka is used, and requests that the configuration accepts.

import { setTimeout as delay } from "node:timers/promises";
import { DEFAULT_URL } from "../client/gateway.ts";
import type { Config } from "../config/load.ts";
import { createAuth } from "../http/auth/tokens.ts";
import { exampleValue } from "./example-value.ts";
import type { Gateway } from "./gateway.ts";

/** The interval of the checks until Kafka can be used, in milliseconds. */
const CHECK_MS = 100;
/** How long the start may take before the reason is printed, in milliseconds. */
const PATIENCE_MS = 1000;

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
  const began = Date.now();
  for (let reported = ""; ; await delay(CHECK_MS, undefined, { signal: stopping }).catch(() => {})) {
    if (stopping.aborted) return;
    const fault = Object.values(gateway.readiness()).find(({ ready }) => !ready);
    if (!fault) break;
    if (fault.detail === reported || Date.now() - began < PATIENCE_MS) continue;
    reported = fault.detail;
    for (const line of ["", `  Onramp is not ready: ${reported}. Onramp tries again.`]) print(line);
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

/** Commands to try, and what they need. */
function commandsToTry(config: Config, { apiUrl, devBroker }: Gateway): string[] {
  const tokens = config.http.auth === "none" ? undefined : config.http.auth?.tokens;
  const auth = createAuth(tokens);
  const names = tokens ? Object.keys(tokens) : [undefined];
  const callers = names.flatMap((name) => auth.byName(name) ?? []);
  const named = Object.keys(config.topics);
  const topics = named.length === 0 && devBroker ? ["orders"] : named;
  const requests = topics.flatMap((topic) => {
    const caller = callers.find((each) => each.mayProduce(topic));
    return caller ? [{ topic, caller, value: exampleValue(config.compiled.topics.get(topic)?.schema) }] : [];
  });
  const request = requests.find(({ value }) => value !== undefined) ?? requests[0];
  const topic = request?.topic ?? topics.find((each) => callers.some((caller) => caller.mayRead(each)));
  const reader = callers.find((caller) => topic !== undefined && caller.mayRead(topic));
  const token = (caller = callers[0]): string[] =>
    tokens ? [`With the token "${caller?.name}" in ONRAMP_TOKEN:`] : [];
  // The certificate is for the host name, not for the address that is printed, so that curl must not verify it.
  const curl = `curl -sS${config.http.tls ? "k" : ""}${tokens ? ' -H "authorization: Bearer $ONRAMP_TOKEN"' : ""}`;
  const produce =
    request === undefined
      ? [...token(), `${curl} ${quoted(`${apiUrl}/topics`)}`]
      : [...token(request.caller), ...produceLines(curl, `${apiUrl}/topics/${request.topic}`, request.value)];
  // `tail` cannot connect to a certificate that Node.js does not trust.
  if (config.http.tls || !reader || topic === undefined) return produce;
  const tail = `npx kafka-onramp tail ${topic}${apiUrl === DEFAULT_URL ? "" : ` --url ${quoted(apiUrl)}`}`;
  return [...produce, ...(reader === request?.caller ? [] : token(reader)), tail];
}

function produceLines(curl: string, url: string, value: string | undefined): string[] {
  const send = `${curl} ${quoted(url)} -H 'content-type: application/json' -d`;
  if (value !== undefined) return [`${send} '${value.replaceAll("'", "'\\''")}'`];
  const next = "Write a value that matches the schema to record.json, then:";
  return [`${curl} ${quoted(`${url}/schema`)}`, next, `${send} @record.json`];
}

/** Quotes a URL that some shells would expand: an address of IPv6 has brackets. */
const quoted = (url: string): string => (url.includes("[") ? `'${url}'` : url);
