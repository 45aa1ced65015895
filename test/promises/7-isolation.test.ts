// Promise 7: a failing topic, partition or broker delays nothing else by more than one request time-out.

import { strict as assert } from "node:assert";
import { DeleteTopics } from "../../src/wire/messages/admin.ts";
import { describeOnDevBroker, useBroker } from "../support/broker.ts";
import { useGateway } from "../support/gateway.ts";
import { post } from "../support/http.ts";
import { PRODUCE } from "../support/produce-faults.ts";
import { bound } from "../support/soak.ts";

describeOnDevBroker("promise 7: isolation, with injected faults", function () {
  this.timeout(60_000);
  const broker = useBroker();
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({ http: { deadline: "3s" }, kafka: { requestTimeout: "500ms" } }),
  );

  async function slowest(topic: string, posts: number): Promise<number> {
    let most = 0;
    for (let n = 0; n < posts; n++) {
      const began = performance.now();
      assert.equal((await post(gateway(), `/topics/${topic}`, undefined, `${n}`)).status, 200);
      most = Math.max(most, performance.now() - began);
    }
    return most;
  }

  /** Posts until `other` is answered. @returns the longest time of a post; at least 5 must be answered before that */
  async function slowestDuring(topic: string, other: { readonly pending: () => boolean }): Promise<number> {
    let [most, posts] = [0, 0];
    while (other.pending()) {
      most = Math.max(most, await slowest(topic, 1));
      if (other.pending()) posts++;
    }
    assert.ok(posts >= 5, `${posts} posts to the live topic did not wait for the other's answer`);
    return most;
  }

  it("a topic without a leader is answered 503 by the deadline, and delays no live topic", async () => {
    const [live, lost] = [await broker.topic(), await broker.topic()];
    broker.dev().faults.leaderless = (topic) => topic === lost;
    const refused = pending(post(gateway(), `/topics/${lost}`, undefined, "x"));
    assert.ok((await slowestDuring(live, refused)) < bound(500));
    const { status, body } = await refused.answer;
    assert.deepEqual([status, body.error_code], [503, 50301]);
    assert.match(body.detail, /no leader/);
  });

  it("a topic whose replicas never catch up delays a live one by one request at most", async () => {
    const [live, slow] = [await broker.topic(), await broker.topic({ partitions: 12 })];
    broker.dev().faults.produce = ({ topic }) =>
      topic === slow ? { append: true, errorCode: 7 } : undefined;
    const slowPosts = pending(
      Promise.all(
        Array.from({ length: 12 }, (_, partition) =>
          post(gateway(), `/topics/${slow}/partitions/${partition}`, undefined, "x"),
        ),
      ),
    );
    assert.ok((await slowestDuring(live, slowPosts)) < bound(500));
    assert.ok((await slowPosts.answer).every(({ status }) => status === 504));
  });

  it("a slow partition delays the other partitions of the topic only briefly", async () => {
    const topic = await broker.topic({ partitions: 4 });
    let slow = false;
    broker.dev().faults.produce = ({ partition }) => {
      slow ||= partition === 0;
      return undefined;
    };
    broker.dev().faults.response = (key) => {
      if (key !== PRODUCE || !slow) return undefined;
      slow = false;
      return { kind: "delay", ms: 700 };
    };
    let running = true;
    const slowPosts = (async () => {
      while (running) await post(gateway(), `/topics/${topic}/partitions/0`, undefined, "x");
    })();
    const took: number[] = [];
    for (let n = 0; n < 60; n++) {
      const began = performance.now();
      assert.equal(
        (await post(gateway(), `/topics/${topic}/partitions/${1 + (n % 3)}`, undefined, "x")).status,
        200,
      );
      took.push(performance.now() - began);
    }
    running = false;
    await slowPosts;
    assert.ok(took.filter((ms) => ms > 300).length < 15, took.map((ms) => ms.toFixed(0)).join());
  });

  it("a broker that does not answer for one topic delays another one by one time-out at most", async () => {
    const [live, stalled] = [await broker.topic(), await broker.topic()];
    await slowest(live, 1);
    broker.dev().faults.response = (key, frame) =>
      key === PRODUCE && frame.includes(stalled) ? { kind: "stall" } : undefined;
    const lost = pending(post(gateway(), `/topics/${stalled}`, undefined, "x"));
    assert.ok((await slowestDuring(live, lost)) < bound(500 + 1000 + 500));
    assert.equal((await lost.answer).status, 504);
    assert.ok((await slowest(live, 50)) < bound(300), "from then on the topics are isolated");
  });
});

/** A response, and whether it is still pending. */
function pending<T>(answer: Promise<T>) {
  let waiting = true;
  void answer.finally(() => (waiting = false));
  return { answer, pending: () => waiting };
}

describe("promise 7: isolation", () => {
  const broker = useBroker();
  const gateway = useGateway(() => broker.addresses());

  it("K4: a deleted topic does not stop a live one", async () => {
    const [live, doomed] = [await broker.topic(), await broker.topic()];
    assert.equal((await post(gateway(), `/topics/${doomed}`, undefined, "x")).status, 200);
    assert.equal((await post(gateway(), `/topics/${live}`, undefined, "x")).status, 200);
    const connection = await broker.connect();
    await connection.request(DeleteTopics, 3, { names: [doomed], timeoutMs: 5000 }, 10_000);
    const started = Date.now();
    const [gone, fine] = await Promise.all([
      post(gateway(), `/topics/${doomed}`, undefined, "y"),
      post(gateway(), `/topics/${live}`, undefined, "y"),
    ]);
    assert.equal(fine.status, 200);
    assert.deepEqual([gone.status, gone.body.error_code], [404, 40401]);
    assert.ok(Date.now() - started < bound(2500, 4500));
  });
});
