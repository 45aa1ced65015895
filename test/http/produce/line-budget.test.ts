// The bytes that a request of lines takes from the budget, and their limit.

import { strict as assert } from "node:assert";
import { LINE_COST, startLines } from "../../support/line-stream.ts";
import { turn } from "../../support/produce-brokers.ts";
import { until } from "../../support/until.ts";

const MIB = 1024 * 1024;

/** A request whose first line is answered, so that later lines need not wait for the first group. */
async function begun(options: Parameters<typeof startLines>[0] = {}) {
  const world = startLines({ ...options, waits: true });
  const first = world.take("1\n");
  (await world.append(1)).resolve();
  await first;
  assert.equal(world.budget.used, 0);
  return world;
}

describe("http: bytes that lines take from the budget", function () {
  this.timeout(4000);

  it("are the size of the lines and a fixed cost per line, until they are answered", async () => {
    const { take, append, budget, stream } = await begun();
    await take("22\n");
    assert.equal(budget.used, 3 + LINE_COST);
    await take("333\n\n4\n");
    assert.equal(budget.used, 3 + LINE_COST + 7 + 3 * LINE_COST);
    (await append(2)).resolve();
    await turn();
    assert.equal(budget.used, 7 + 3 * LINE_COST);
    (await append(3)).resolve();
    await stream.end();
    assert.equal(budget.used, 0);
  });

  it("are the size of an incomplete line, without the fixed cost", async () => {
    const { take, append, budget, stream } = await begun();
    await take("2");
    await take("34");
    assert.equal(budget.used, 3);
    await take("\n56");
    assert.equal(budget.used, 3 + 1 + LINE_COST + 2);
    (await append(2)).resolve();
    await turn();
    assert.equal(budget.used, 2);
    const end = stream.end();
    (await append(3)).resolve();
    await end;
    assert.equal(budget.used, 0);
  });

  it("are those of a line that has not ended beside others that are under way", async () => {
    const { take, append, budget, stream } = await begun();
    await take("2\n");
    await take("34");
    assert.equal(budget.used, 2 + LINE_COST + 2);
    (await append(2)).resolve();
    await turn();
    assert.equal(budget.used, 2);
    const end = stream.end();
    (await append(3)).resolve();
    await end;
  });

  it("are all released when a chunk contains exactly the lines of one group", async () => {
    const { take, append, budget, stream } = await begun();
    await take("2\n".repeat(16));
    (await append(2)).resolve();
    await turn();
    assert.equal(budget.used, 0);
    await stream.end();
  });

  it("are none for blank lines, nor for a line that is too long", async () => {
    const { take, budget, stream, append } = await begun({ maxBody: 10 });
    await take("\n \n\n");
    assert.equal(budget.used, 0);
    await take("2".repeat(11));
    assert.equal(budget.used, 0);
    await take("2".repeat(11));
    assert.equal(budget.used, 0);
    const rest = take("\n3\n");
    (await append(2)).resolve();
    await rest;
    await stream.end();
    assert.equal(budget.used, 0);
  });

  it("are released group by group", async () => {
    const { take, append, budget, stream } = await begun();
    await take("2\n".repeat(24));
    assert.equal(budget.used, 24 * (2 + LINE_COST));
    (await append(2)).resolve();
    await turn();
    const rest = budget.used;
    assert.ok(rest >= 8 * (1 + LINE_COST) && rest <= 8 * (2 + LINE_COST) + 16, `${rest}`);
    (await append(3)).resolve();
    await stream.end();
    assert.equal(budget.used, 0);
  });

  it("are released when the request fails or is stopped", async () => {
    const failed = startLines({ waits: true });
    const work = failed.take("1\n2");
    (await failed.append(1)).reject(new Error("no"));
    await work;
    await assert.rejects(failed.stream.end());
    assert.equal(failed.budget.used, 0);
    const stopped = startLines({ onError: "stop" });
    await stopped.take("1\n{\n3\n");
    await stopped.stream.end();
    assert.equal(stopped.budget.used, 0);
  });

  it("are at most two MiB plus one line: no more is read until then", async () => {
    const { take, append, appends, stream } = await begun({ maxBody: 4 * MIB });
    const line = (size: number) => `"${"a".repeat(size)}"\n`;
    await take(line(MIB));
    await take(line(MIB - 2000));
    let done = false;
    const third = take(line(1000)).finally(() => {
      done = true;
    });
    await append(4);
    await turn();
    assert.equal(done, false);
    appends[1]?.resolve();
    appends[2]?.resolve();
    appends[3]?.resolve();
    await third;
    await stream.end();
  });

  it("are taken when the budget has room; the lines wait until then", async () => {
    const { take, append, budget, stream, res } = await begun({ budget: 10_000 });
    const others = [
      ["a", 4700],
      ["b", 4700],
    ] as const;
    for (const [client, bytes] of others) budget.take(client, bytes);
    const work = take("2\n".repeat(3));
    await turn();
    assert.ok(budget.used < 9400 + 3 * LINE_COST);
    for (const [client, bytes] of others) budget.give(client, bytes);
    (await append(2)).resolve();
    await work;
    await stream.end();
    assert.deepEqual([res.answers.length, budget.used], [4, 0]);
  });

  it("cause 503, or 429 for the client's half, if the budget stays full for http.deadline", async () => {
    for (const [budget, held, code] of [
      [10_000, 9999, 50301],
      [1000, 0, 42901],
    ] as const) {
      const { take, budget: shared, body, stream } = startLines({ budget, deadlineMs: 30 });
      shared.take("other", held / 2);
      shared.take("another", held / 2);
      await take("1\n");
      assert.equal(body.stopped?.code, code);
      assert.match(body.stopped?.message ?? "", /http\.budget remained full until http\.deadline/);
      await assert.rejects(stream.end());
      assert.equal(shared.used, held);
    }
  });

  it("are not waited for after the request is stopped", async () => {
    const { take, budget, body, appends } = await begun({ budget: 10_000 });
    for (const client of ["a", "b"]) budget.take(client, 5000);
    const work = take("2\n");
    await turn();
    body.stop(new Error("gone") as never);
    await work;
    assert.equal(appends.length, 1);
    for (const client of ["a", "b"]) budget.give(client, 5000);
    await until(() => budget.used === 0);
  });

  it("are released if the request is stopped before they are used", async () => {
    const { take, budget, body, stream } = await begun();
    body.stop(new Error("gone") as never);
    await take("2\n");
    await stream.end();
    assert.equal(budget.used, 0);
  });
});
