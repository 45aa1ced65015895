// Clients that send too much, send too slowly, or do not read responses do not affect other clients.

import { strict as assert } from "node:assert";
import { once } from "node:events";
import type net from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterTest } from "../support/after-test.ts";
import { itThoroughly } from "../support/broker.ts";
import { assertUnharmed, CANARY, describeAttack, startTarget, type Target } from "../support/canary.ts";
import { connect, inFlight, post } from "../support/http.ts";
import { linesHead } from "../support/lines.ts";
import { soak } from "../support/soak.ts";
import { until } from "../support/until.ts";

const MEGABYTE = 1024 * 1024;
const SECRET = "it is a secret";

/** Writes bytes repeatedly, until the peer ends the connection or `times` is reached. */
async function flood(socket: net.Socket, bytes: Buffer, times: number): Promise<void> {
  for (let n = 0; n < times && !socket.destroyed; n++)
    if (!socket.write(bytes)) await Promise.race([once(socket, "drain"), once(socket, "close")]);
}

/** Resolves with what the peer sent when it has ended the connection. */
async function answerOf(socket: net.Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  if (!socket.destroyed) await once(socket, "close");
  return Buffer.concat(chunks).toString("latin1");
}

/** Sends chunks of one byte on each connection: 50,000 in a soak. */
async function floodWithChunks(
  target: Target,
  path: string,
  { connections = 200, pauseMs = 0 }: { readonly connections?: number; readonly pauseMs?: number },
): Promise<void> {
  const head = `POST /topics/attacked${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n`;
  const chunks = Buffer.from("1\r\nx\r\n".repeat(soak ? 10_000 : 1000));
  const floods: Promise<void>[] = [];
  for (let n = 0; n < connections; n++) {
    const socket = (await connect(target)).resume();
    socket.write(head);
    floods.push(flood(socket, chunks, 5));
    if (pauseMs > 0) await delay(pauseMs);
  }
  await Promise.race([Promise.all(floods), delay(8000)]);
}

describeAttack("issue: attacks with connections", function () {
  this.timeout(120_000);

  it("10 connections that send 20,000 requests each and read no response do not delay other clients", async () => {
    const names = Array.from({ length: 100 }, (_, n) => [`topic-${n}`, {}]);
    const target = await startTarget({ topics: Object.fromEntries(names) });
    const requests = Buffer.from("GET /topics HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".repeat(1000));
    const harm = await target.attack(async () => {
      const sockets = await Promise.all(Array.from({ length: 10 }, () => connect(target)));
      for (const socket of sockets) socket.pause();
      const floods = Promise.all(sockets.map((socket) => flood(socket, requests, 20)));
      await Promise.race([floods, delay(5000)]);
      for (const socket of sockets) socket.destroy();
      await floods;
    });
    assertUnharmed(harm);
  });

  it("pipelined requests are all answered, in order, when the client reads", async () => {
    const target = await startTarget();
    const socket = await connect(target);
    const COUNT = 500;
    let text = "";
    socket.on("data", (chunk) => (text += chunk));
    for (let n = 0; n < COUNT; n++)
      socket.write(
        `POST /topics/${CANARY} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1\r\n\r\n${n % 10}`,
      );
    await until(() => text.split('"offset":').length > COUNT);
    const offsets = [...text.matchAll(/"offset":(\d+)/g)].map(([, offset]) => Number(offset));
    assert.deepEqual(
      offsets,
      offsets.toSorted((a, b) => a - b),
    );
  });

  for (const path of ["", "/lines"])
    itThoroughly(
      `${soak ? 10 : 1} million chunks of one byte from 200 connections${path ? ", as lines" : ""}, one after the other`,
      async () => {
        const target = await startTarget({ topics: { attacked: {} } });
        const harm = await target.attack(() => floodWithChunks(target, path, { pauseMs: soak ? 50 : 20 }));
        assertUnharmed(harm);
      },
    );

  // Node parses all that it reads from a socket at once, 64 KB or 10,900 such chunks. If the sockets become readable at the same
  // time, these first reads follow each other; only then can the sockets be read in turns.
  it("tiny chunks from 50 connections at the same time fail no request of other clients, and cost little memory", async () => {
    const target = await startTarget({ topics: { attacked: {} } });
    const harm = await target.attack(() => floodWithChunks(target, "", { connections: 50 }));
    assert.deepEqual(harm.failures, {});
    assert.ok(harm.addedBytes < 150 * MEGABYTE);
  });

  for (const path of ["", "/lines"])
    it(`more than a megabyte in chunks of one byte is refused with 408${path ? ", as lines" : ""}`, async () => {
      const target = await startTarget({ topics: { attacked: {} } });
      const socket = await connect(target);
      const answered = answerOf(socket);
      socket.write(
        `POST /topics/attacked${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n`,
      );
      await flood(socket, Buffer.from("1\r\nx\r\n".repeat(10_000)), 120);
      assert.match(await answered, /"error_code":40801.*chunks of less than 16 bytes/);
    });

  itThoroughly(
    "a body and a line that grow by a byte per second end with 408, and release their bytes",
    async () => {
      const target = await startTarget({ topics: { attacked: {} } });
      const harm = await target.attack(async () => {
        const length = 2 * MEGABYTE;
        const heads = [
          `POST /topics/attacked HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: ${length}\r\n\r\n`,
          linesHead("attacked", `content-length: ${length}\r\n`),
        ];
        const sockets = await Promise.all(heads.map(() => connect(target)));
        const answers = sockets.map(answerOf);
        for (const [n, socket] of sockets.entries()) socket.write(heads[n] as string);
        const drip = setInterval(() => {
          for (const socket of sockets) if (!socket.destroyed) socket.write("1");
        }, 1000);
        afterTest(() => clearInterval(drip));
        for (const answer of answers)
          assert.match(await answer, /"error_code":40801.*less than 512 bytes per second/);
      });
      assertUnharmed(harm);
      await until(async () => (await inFlight(target)) === 0);
    },
  );

  it("announcements of large bodies from unknown senders take nothing from known clients", async () => {
    const target = await startTarget({
      topics: { attacked: {} },
      webhooks: { github: { type: "github", secrets: [SECRET], topic: "attacked" } },
    });
    const harm = await target.attack(async () => {
      const head = `POST /webhooks/github HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: ${25 * MEGABYTE}\r\n\r\n`;
      const sockets = await Promise.all(Array.from({ length: 30 }, () => connect(target)));
      for (const socket of sockets) socket.write(head);
      await until(
        async () => (await post(target, "/topics/attacked", undefined, "x".repeat(900_000))).status === 200,
      );
      // The small posts of the canary are in flight, but none of the 30 announced bodies.
      assert.ok(((await inFlight(target)) ?? 0) < MEGABYTE);
      const [first, ...others] = sockets as [net.Socket, ...net.Socket[]];
      void flood(first, Buffer.alloc(MEGABYTE, 0x20), 24);
      await until(async () => ((await inFlight(target)) ?? 0) > 20 * MEGABYTE);
      for (const socket of others) void flood(socket, Buffer.alloc(MEGABYTE, 0x20), 24);
      for (let n = 0; n < 20; n++)
        assert.equal((await post(target, "/topics/attacked", undefined, "x".repeat(900_000))).status, 200);
      assert.ok(((await inFlight(target)) ?? 0) < 42 * MEGABYTE);
    });
    assertUnharmed(harm);
  });
});
