// Apache Kafka for tests: one or three brokers (KRaft, combined mode) on free ports of 127.0.0.1.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { Metadata } from "../../../src/wire/messages/cluster.ts";
import { metadataOf, openConnection } from "../broker.ts";
import { freePort, untilListening } from "../net.ts";
import { tlsFiles } from "../tls/files.ts";
import { until } from "../until.ts";
import { installKafka } from "./install.ts";

const run = promisify(execFile);
const JAVA = [
  "-Xmx512m",
  "-XX:+UseSerialGC",
  "-XX:TieredStopAtLevel=1",
  "-Xshare:auto",
  "-Dorg.slf4j.simpleLogger.showDateTime=true",
];
const CLUSTER_ID = "b25yYW1wLXRlc3QtY2x1cw";

export interface ClusterOptions {
  readonly brokers: 1 | 3;
  /** Adds a SASL_SSL listener (SCRAM, certificates) and an authorizer. Plain clients are super users. */
  readonly secure?: boolean;
  /** Further lines for server.properties. */
  readonly properties?: Record<string, string | number>;
}

/** One broker's process. */
export class KafkaBroker {
  readonly id: number;
  readonly port: number;
  readonly securePort: number;
  readonly #dir: string;
  readonly #libs: string;
  #child: ChildProcess | undefined;

  constructor(id: number, ports: { plain: number; secure: number }, dir: string, libs: string) {
    this.id = id;
    this.port = ports.plain;
    this.securePort = ports.secure;
    this.#dir = dir;
    this.#libs = libs;
  }

  /** Starts the process unless it runs. Resolves when the broker is registered and can host partitions. */
  async start(): Promise<void> {
    if (this.#running) return;
    const log = openSync(path.join(this.#dir, "server.log"), "a");
    const env = { ...process.env, LOG_DIR: this.#dir };
    const args = [
      ...JAVA,
      `-Dkafka.logs.dir=${this.#dir}`,
      "-cp",
      `${this.#libs}/*`,
      "kafka.Kafka",
      path.join(this.#dir, "server.properties"),
    ];
    this.#child = spawn("java", args, { stdio: ["ignore", log, log], env });
    closeSync(log);
    await untilListening(this.port, () => this.#child?.exitCode ?? undefined);
    await until(() => this.#isRegistered(), 60_000);
  }

  get #running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** A broker lists itself once the controller has registered it. */
  async #isRegistered(): Promise<boolean> {
    const connection = await openConnection(`127.0.0.1:${this.port}`).catch(() => undefined);
    const answer = await connection?.request(Metadata, 7, metadataOf(null), 5000).catch(() => undefined);
    connection?.close();
    return answer?.brokers.some(({ nodeId }) => nodeId === this.id) ?? false;
  }

  /** Sends SIGKILL: a crash. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** Sends SIGTERM: a controlled shutdown. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  /** Sends SIGSTOP: the process hangs, and its sockets stay open. */
  pause(): void {
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (!child || !this.#running) return;
    const gone = once(child, "exit");
    child.kill("SIGCONT");
    child.kill(signal);
    await gone;
  }
}

/** A running cluster. */
export interface Cluster {
  readonly brokers: readonly KafkaBroker[];
  /** `host:port` of the plain listeners. */
  readonly bootstrap: string[];
  /** `host:port` of the SASL_SSL listeners; empty without `secure`. */
  readonly secureBootstrap: string[];
  /** The folder of configuration, data and logs. The data is deleted after the run. */
  readonly dir: string;
  stop(): Promise<void>;
}

/** SCRAM users that `secure` adds at format time: name → password. */
export const SCRAM_USERS = { onramp: "onramp-secret", limited: "limited-secret" } as const;

/** Formats and starts a cluster; the caller stops it. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const libs = await installKafka();
  const dir = mkdtempSync(path.join(tmpdir(), "onramp-kafka-"));
  const nodes: Node[] = [];
  for (let id = 1; id <= options.brokers; id++) {
    const [plain, secure, controller] = [await freePort(), await freePort(), await freePort()];
    nodes.push({ id, plain, secure, controller });
  }
  const voters = nodes.map((node) => `${node.id}@127.0.0.1:${node.controller}`).join(",");
  const brokers = nodes.map((node) => {
    const home = path.join(dir, `broker-${node.id}`);
    mkdirSync(home, { recursive: true });
    writeFileSync(path.join(home, "server.properties"), serverProperties(node, voters, home, options));
    return new KafkaBroker(node.id, node, home, libs);
  });
  await Promise.all(nodes.map((node) => format(libs, path.join(dir, `broker-${node.id}`), options)));
  try {
    await Promise.all(brokers.map((broker) => broker.start()));
  } catch (error) {
    await Promise.all(brokers.map((broker) => broker.kill()));
    throw new Error(`Apache Kafka did not start; see ${dir}`, { cause: error });
  }
  return {
    brokers,
    bootstrap: brokers.map((broker) => `127.0.0.1:${broker.port}`),
    secureBootstrap: options.secure ? brokers.map((broker) => `127.0.0.1:${broker.securePort}`) : [],
    dir,
    async stop() {
      await Promise.all(brokers.map((broker) => broker.kill()));
      // Each run leaves gigabytes of data, which would fill the disk. The brokers' logs stay.
      for (const { id } of nodes)
        rmSync(path.join(dir, `broker-${id}`, "data"), { recursive: true, force: true });
    },
  };
}

interface Node {
  readonly id: number;
  readonly plain: number;
  readonly secure: number;
  readonly controller: number;
}

function serverProperties(node: Node, voters: string, home: string, options: ClusterOptions): string {
  const { brokers, secure } = options;
  const listeners = [
    `PLAINTEXT://127.0.0.1:${node.plain}`,
    ...(secure ? [`SASL_SSL://127.0.0.1:${node.secure}`] : []),
  ];
  const tls = tlsFiles();
  const lines: Record<string, string | number> = {
    "process.roles": "broker,controller",
    "node.id": node.id,
    "controller.quorum.voters": voters,
    "controller.listener.names": "CONTROLLER",
    listeners: [...listeners, `CONTROLLER://127.0.0.1:${node.controller}`].join(","),
    "advertised.listeners": listeners.join(","),
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
    "log.dirs": path.join(home, "data"),
    "default.replication.factor": brokers,
    "min.insync.replicas": brokers === 3 ? 2 : 1,
    "offsets.topic.replication.factor": brokers,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": brokers,
    "transaction.state.log.min.isr": brokers === 3 ? 2 : 1,
    "transaction.state.log.num.partitions": 4,
    "share.coordinator.state.topic.replication.factor": brokers,
    "share.coordinator.state.topic.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1000,
    "log.retention.check.interval.ms": 3_600_000, // Tests write records with old timestamps.
  };
  if (secure) {
    Object.assign(lines, {
      "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
      "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config":
        "org.apache.kafka.common.security.scram.ScramLoginModule required;",
      "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config":
        "org.apache.kafka.common.security.scram.ScramLoginModule required;",
      "listener.name.sasl_ssl.plain.sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required user_onramp="${SCRAM_USERS.onramp}";`,
      "listener.name.sasl_ssl.oauthbearer.sasl.jaas.config":
        'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="onramp";',
      "connections.max.reauth.ms": 0,
      "ssl.keystore.type": "PEM",
      "ssl.keystore.certificate.chain": oneLine(tls.cert),
      "ssl.keystore.key": oneLine(tls.key),
      "ssl.truststore.type": "PEM",
      "ssl.truststore.certificates": oneLine(tls.ca),
      "ssl.client.auth": "requested",
      "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
      "super.users": "User:ANONYMOUS",
    });
  }
  Object.assign(lines, options.properties);
  return `${Object.entries(lines)
    .map(([name, value]) => `${name}=${value}`)
    .join("\n")}\n`;
}

async function format(libs: string, home: string, options: ClusterOptions): Promise<void> {
  const users = options.secure
    ? Object.entries(SCRAM_USERS).flatMap(([name, password]) =>
        ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((mechanism) => [
          "--add-scram",
          `${mechanism}=[name=${name},password=${password}]`,
        ]),
      )
    : [];
  const args = [
    ...JAVA,
    "-cp",
    `${libs}/*`,
    "kafka.tools.StorageTool",
    "format",
    "-t",
    CLUSTER_ID,
    "-c",
    path.join(home, "server.properties"),
    ...users,
  ];
  await run("java", args);
}

const oneLine = (pem: string): string => readFileSync(pem, "utf8").trim().replaceAll("\n", "\\n");
