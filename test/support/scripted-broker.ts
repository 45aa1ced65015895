// A double of a Kafka broker that offers all APIs, answers logins as the test specifies, and closes the connection at any
// other request.

import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { FrameSplitter } from "../../src/wire/frame.ts";
import { encodeResponse, readRequestBody, readRequestHeader } from "../../src/wire/message.ts";
import { ApiVersions, SaslAuthenticate, SaslHandshake } from "../../src/wire/messages/cluster.ts";
import { Reader } from "../../src/wire/reader.ts";
import { afterTest } from "./after-test.ts";
import { type BrokerName, brokerVersions } from "./broker-versions.ts";

/** The answer to a message of the SASL mechanism. */
export interface LoginAnswer {
  readonly errorCode?: number;
  readonly errorMessage?: string;
  readonly authBytes?: Buffer;
}

export interface ScriptedBroker {
  readonly address: string;
  /** The number of connections so far. */
  connections: number;
  /** The messages of the SASL mechanism so far. */
  readonly messages: Buffer[];
  /** Returns the answer to a message. Default: the login succeeds. */
  login: (message: Buffer) => LoginAnswer;
}

/** Starts the broker; it stops after the test. @param name the broker whose versions it offers */
export async function startScriptedBroker(name: BrokerName = "Apache Kafka 3.9"): Promise<ScriptedBroker> {
  const server = net.createServer((socket) => {
    broker.connections++;
    const splitter = new FrameSplitter(1_000_000);
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      for (const frame of splitter.push(chunk)) {
        const response = answer(broker, brokerVersions(name), frame);
        if (response) socket.write(response);
        else socket.end();
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  afterTest(() => server.close());
  const broker: ScriptedBroker = {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: 0,
    messages: [],
    login: () => ({}),
  };
  return broker;
}

function answer(
  broker: ScriptedBroker,
  versions: ReturnType<typeof brokerVersions>,
  frame: Buffer,
): Buffer | undefined {
  const reader = new Reader(frame);
  const { apiKey, apiVersion, correlationId } = readRequestHeader(reader);
  if (apiKey === ApiVersions.key) {
    const apiKeys = [...versions].map(([key, [minVersion, maxVersion]]) => ({
      apiKey: key,
      minVersion,
      maxVersion,
    }));
    return encodeResponse(ApiVersions, apiVersion, correlationId, {
      errorCode: 0,
      apiKeys,
      throttleTimeMs: 0,
    });
  }
  const [lowest, highest] = versions.get(apiKey) ?? [0, -1];
  if (apiVersion < lowest || apiVersion > highest) return undefined;
  if (apiKey === SaslHandshake.key)
    return encodeResponse(SaslHandshake, apiVersion, correlationId, { errorCode: 0, mechanisms: [] });
  if (apiKey !== SaslAuthenticate.key) return undefined;
  const { authBytes } = readRequestBody(SaslAuthenticate, apiVersion, reader);
  broker.messages.push(authBytes);
  const given = broker.login(authBytes);
  return encodeResponse(SaslAuthenticate, apiVersion, correlationId, {
    errorCode: given.errorCode ?? 0,
    errorMessage: given.errorMessage ?? null,
    authBytes: given.authBytes ?? Buffer.alloc(0),
    sessionLifetimeMs: 0,
  });
}
