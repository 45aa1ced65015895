// Connections to servers that are not Kafka brokers, or are too old.

import { strict as assert } from "node:assert";
import { once } from "node:events";
import "../../../src/kafka/admin/kafkajs-repairs.ts";
import net from "node:net";
import { Connection } from "../../../src/kafka/client/connection.ts";
import { type BrokerGone, BrokerRefused } from "../../../src/kafka/client/errors.ts";
import { afterTest } from "../../support/after-test.ts";
import { openConnection, startDevBroker } from "../../support/broker.ts";
import { freePort } from "../../support/net.ts";

describe("kafka: connection", () => {
  async function peer(onData: (socket: net.Socket, chunk: Buffer) => void): Promise<number> {
    const server = net.createServer((socket) =>
      socket.on("data", (chunk: Buffer) => onData(socket, chunk)).on("error", () => {}),
    );
    afterTest(() => server.close());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as net.AddressInfo).port;
  }
  const open = (port: number) => Connection.open({ host: "127.0.0.1", port, connectTimeoutMs: 300 });

  it("reports a port where nothing listens, one that does not answer, and one that is not Kafka", async () => {
    await assert.rejects(open(1), (error: BrokerGone) => !error.sent && /cannot connect/.test(error.message));
    await assert.rejects(open(await peer(() => {})), (error: BrokerGone) => error.timedOut);
    await assert.rejects(
      open(await peer((socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"))),
      /not a Kafka response/,
    );
    await assert.rejects(open(await peer((socket) => socket.write(Buffer.alloc(4)))), /not a Kafka response/);
    await assert.rejects(
      open(await peer((socket) => socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 99])))),
      /was not sent/,
    );
  });

  it("refuses a broker without an API that it needs, and names the API", async () => {
    const port = await peer((socket, chunk) => {
      const answer = Buffer.alloc(14);
      answer.writeInt32BE(10, 0);
      chunk.copy(answer, 4, 8, 12);
      socket.write(answer);
    });
    await assert.rejects(
      open(port),
      (error) => error instanceof BrokerRefused && /no version of Metadata/.test(error.message),
    );
  });

  it("fails a request after it was closed as not sent", async () => {
    const broker = await startDevBroker();
    const connection = await openConnection(broker.address);
    connection.close();
    await assert.rejects(connection.send(Buffer.alloc(8), 1, 100), (error: BrokerGone) => !error.sent);
  });

  it("reports every address of a name when none of them can be reached", async () => {
    const connecting = Connection.open({ host: "localhost", port: await freePort(), connectTimeoutMs: 2000 });
    await assert.rejects(connecting, /cannot connect to localhost:\d+: .*ECONNREFUSED/);
  });
});
