// Connections to servers that are not Kafka brokers, or are too old.

import { strict as assert } from "node:assert";
import { once } from "node:events";
import "../../../src/kafka/admin/kafkajs-repairs.ts";
import net from "node:net";
import { Connection } from "../../../src/kafka/client/connection.ts";
import { type BrokerGone, BrokerRefused } from "../../../src/kafka/client/errors.ts";
import { Metadata } from "../../../src/wire/messages/cluster.ts";
import { afterTest } from "../../support/after-test.ts";
import { metadataOf } from "../../support/broker.ts";

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

  it("refuses a version that the broker does not offer, and names the API", async () => {
    const port = await peer((socket, chunk) => {
      const answer = Buffer.alloc(14);
      answer.writeInt32BE(10, 0);
      chunk.copy(answer, 4, 8, 12);
      socket.write(answer);
    });
    const connection = await open(port);
    await assert.rejects(
      connection.request(Metadata, 7, metadataOf(null), 100),
      (error) => error instanceof BrokerRefused && /no version of Metadata/.test(error.message),
    );
    connection.close();
    await assert.rejects(connection.send(Buffer.alloc(8), 1, 100), (error: BrokerGone) => !error.sent);
  });
});
