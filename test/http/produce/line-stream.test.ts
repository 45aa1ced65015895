// Appends the lines of one request, and answers them.

import { strict as assert } from "node:assert";
import { once } from "node:events";
import { OnrampError } from "../../../src/core/errors.ts";
import { compileExpression } from "../../../src/core/expressions.ts";
import { startLines } from "../../support/line-stream.ts";
import { turn } from "../../support/produce-brokers.ts";

const bad = new OnrampError(40001, "bad");
const later = new OnrampError(50301, "not now");

/** Whether the work has ended. */
async function isDone(work: Promise<unknown>): Promise<boolean> {
  let done = false;
  const settled = (): void => {
    done = true;
  };
  work.then(settled, settled);
  await turn();
  return done;
}

describe("http: line stream", function () {
  this.timeout(2000);

  it("appends a record per line, with the fields of the query, and answers in order", async () => {
    const { take, stream, res, appends, values } = startLines();
    await take('{"a":1}\n2\r\n"th');
    await take('ree"\n4');
    await stream.end();
    assert.deepEqual(values(), ['{"a":1}', "2", '"three"', "4"]);
    assert.deepEqual(res.head, [200, { "content-type": "application/x-ndjson" }]);
    const receipt = (offset: number) => ({ topic: "t", partition: 2, offset, timestamp: 5 });
    assert.deepEqual(res.answers, [0, 1, 2, 3].map(receipt));
    assert.deepEqual([appends[0]?.topic, appends[0]?.options.onBadRecord], ["t", "continue"]);
  });

  it("appends lines in groups that grow to a thousand while they are queued quickly", async () => {
    const { take, stream, res, appends } = startLines();
    await take("1\n".repeat(2500));
    await stream.end();
    assert.deepEqual(
      appends.map(({ records }) => records.length),
      [16, 32, 64, 128, 256, 512, 1000, 492],
    );
    assert.equal(res.answers.length, 2500);
  });

  it("appends smaller groups while they are queued slowly, down to one line", async function () {
    this.timeout(20_000);
    const busy = (): string => {
      for (const end = performance.now() + 60; performance.now() < end; );
      return "k";
    };
    const slow = { ...compileExpression("k"), evaluate: async () => busy() };
    const topics = new Map([["t", { schema: undefined, key: slow, tombstones: true }]]);
    const { take, stream, appends } = startLines({ topics, deadlineMs: 400 });
    await take("1\n".repeat(40));
    await stream.end();
    assert.deepEqual(
      appends.map(({ records }) => records.length),
      [16, 8, 4, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    );
  });

  it("appends only its first group until the outcome of that is known", async () => {
    const { take, append, appends, res } = startLines({ waits: true });
    const first = take("1\n");
    (await append(1)).options.onQueued?.();
    assert.deepEqual([await isDone(first), res.headersSent], [false, false]);
    (await append(1)).resolve();
    await first;
    const second = take("2\n");
    await append(2);
    await second;
    await take("3\n");
    assert.equal(appends.length, 3);
  });

  it("answers in the order of the lines, whichever outcome is known first", async () => {
    const { take, append, stream, res } = startLines({ waits: true });
    const first = take("1\n");
    (await append(1)).resolve();
    await first;
    await take("2\n");
    await take("3\n");
    (await append(3)).resolve();
    await turn();
    assert.equal(res.answers.length, 1);
    (await append(2)).resolve();
    await stream.end();
    assert.deepEqual(
      res.answers.map(({ offset }) => offset),
      [0, 2, 1],
    );
  });

  it("gives every group its own deadline", async () => {
    const { take, stream, appends } = startLines({ deadlineMs: 5000 });
    const before = Date.now();
    await take("1\n");
    await stream.end();
    const { deadline = 0 } = appends[0]?.options ?? {};
    assert.ok(deadline >= before + 5000 && deadline <= Date.now() + 5000);
  });

  it("skips blank lines, but counts them in line numbers", async () => {
    const { take, stream, res, appends } = startLines();
    await take("\n \r\n\t\n");
    assert.equal(appends.length, 0);
    await take("1\n\n{\n");
    await stream.end();
    assert.deepEqual(
      appends.flatMap(({ values }) => values),
      ["1"],
    );
    assert.deepEqual(
      res.answers.map(({ offset, line }) => [offset, line]),
      [
        [0, undefined],
        [undefined, 6],
      ],
    );
  });

  it("is refused as empty if all lines are blank: 400", async () => {
    const { take, stream, res } = startLines();
    await take("\n \n");
    await assert.rejects(stream.end(), /The body is empty\. Send one JSON value per line\./);
    assert.equal(res.headersSent, false);
  });

  it("reports a bad line with its number, and continues", async () => {
    const { take, stream, res, values } = startLines({ maxBody: 10 });
    await take(`1\n{\n${"2".repeat(11)}\n`);
    await take("3\n");
    await stream.end();
    assert.deepEqual(
      res.answers.map(({ offset, line, error_code }) => [offset, line, error_code]),
      [
        [0, undefined, undefined],
        [undefined, 2, 40001],
        [undefined, 3, 41301],
        [1, undefined, undefined],
      ],
    );
    assert.deepEqual(values(), ["1", "3"]);
  });

  it("reports a line that the log refused", async () => {
    const { take, append, stream, res } = startLines({ waits: true });
    const work = take("1\n\n2\n");
    (await append(1)).resolve({ 1: later });
    await work;
    await stream.end();
    const [first, second] = res.answers;
    assert.deepEqual([first.offset, second.line, second.error_code, second.status], [0, 3, 50301, 503]);
  });

  it("fails as a whole if its first group does, without any line in the response", async () => {
    const { take, append, stream, body, res } = startLines({ waits: true });
    const work = take("1\n2\n");
    (await append(1)).reject(later);
    await work;
    assert.equal(body.stopped, later);
    await assert.rejects(stream.end(), later);
    assert.deepEqual([res.headersSent, res.text], [false, ""]);
  });

  it("fails as a whole where it may not be queued at all", async () => {
    const { take, stream, res } = startLines({ topic: "__reserved" });
    await take("1\n");
    await assert.rejects(stream.end(), (error: OnrampError) => error.code === 40301);
    assert.equal(res.headersSent, false);
  });

  it("tells of every line of a later group that fails as a whole, and goes on", async () => {
    const { take, append, stream, body, res } = startLines({ waits: true });
    const first = take("1\n");
    (await append(1)).resolve();
    await first;
    await take("2\n3\n");
    (await append(2)).reject(later);
    await take("4\n");
    (await append(3)).resolve();
    await stream.end();
    assert.equal(body.stopped, undefined);
    assert.deepEqual(
      res.answers.map(({ offset, line, error_code }) => offset ?? [line, error_code]),
      [0, [2, 50301], [3, 50301], 1],
    );
  });

  it("with onError=stop reads and answers nothing after the first bad line", async () => {
    const { take, stream, body, res, values } = startLines({ onError: "stop" });
    await take("1\n{\n3\n");
    await take("4\n");
    await stream.end();
    assert.deepEqual(values(), ["1"]);
    assert.deepEqual(
      res.answers.map(({ offset, line }) => offset ?? line),
      [0, 2],
    );
    assert.ok(body.stopped);
    assert.equal(stream.finalLine(body.stopped), "");
  });

  it("with onError=continue is not stopped by a bad line", async () => {
    const { take, stream, body } = startLines();
    await take("{\n");
    await stream.end();
    assert.equal(body.stopped, undefined);
  });

  it("with onError=stop is stopped by a group that the log refuses", async () => {
    const { take, append, body } = startLines({ onError: "stop", waits: true });
    const first = take("1\n");
    (await append(1)).resolve();
    await first;
    await take("2\n");
    (await append(2)).reject(later);
    await turn();
    assert.ok(body.stopped);
  });

  it("does not append an incomplete line", async () => {
    const { take, stream, body, values } = startLines();
    await take("1\n12");
    body.stop(bad);
    await stream.end();
    assert.deepEqual(values(), ["1"]);
  });

  it("fails with the reason if it is stopped before anything was answered", async () => {
    const { take, stream, body } = startLines();
    await take("12");
    body.stop(bad);
    await assert.rejects(stream.end(), bad);
  });

  it("ends with the number of the first line that was not written", async () => {
    const { take, stream, body, res } = startLines();
    await take("1\n2\n3");
    body.stop(later);
    await stream.end();
    const word = JSON.parse(stream.finalLine(later));
    assert.deepEqual([word.line, word.error_code], [3, 50301]);
    assert.equal(word.detail, "not now Line 3 and the lines after it were not written.");
    assert.ok(stream.finalLine(later).endsWith("\n"));
    assert.equal(res.answers.length, 2);
  });

  it("stops answering while the client does not read, until it reads or closes", async () => {
    for (const event of ["drain", "close", "socket closes"]) {
      const { take, stream, res } = startLines();
      res.full = true;
      const first = take("1\n");
      await once(res, "written");
      assert.equal(await isDone(first), false, event);
      res.full = false;
      if (event === "socket closes") res.req.socket.emit("close");
      else res.emit(event);
      await first;
      await take("2\n");
      await stream.end();
      assert.equal(res.answers.length, 2);
      assert.deepEqual([res.listenerCount("drain"), res.listenerCount("close")], [0, 0]);
      assert.equal(res.req.socket.listenerCount("close"), 0);
    }
  });

  it("does not wait for a client that has closed the connection", async () => {
    for (const gone of ["response", "socket"]) {
      const { take, stream, res } = startLines();
      res.full = true;
      if (gone === "response") res.destroyed = true;
      else res.req.socket.destroyed = true;
      await take("1\n");
      await stream.end();
    }
  });
});
