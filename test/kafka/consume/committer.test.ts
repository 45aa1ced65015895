// Commits that share a request, and positions that were not committed.

import { strict as assert } from "node:assert";
import { Committer, UncommittedPositions } from "../../../src/kafka/consume/committer.ts";
import type { GroupMember } from "../../../src/kafka/consume/group-member.ts";
import type { Position } from "../../../src/kafka/consume/position-fault.ts";

const at = (offset: number, topicId?: string): Position => ({ offset, epoch: 0, topicId });
const places = [0, 1, 2].map((partition) => ({ topic: "t", partition }));
const [a, b, c] = places as [(typeof places)[0], (typeof places)[0], (typeof places)[0]];

/** A member whose commits the test answers one by one. */
function scripted() {
  const requests: {
    offsets: string[];
    answer: (errors: [number, number][]) => void;
    fail: (error: Error) => void;
  }[] = [];
  const member = {
    commit: (positions: ReadonlyMap<{ partition: number }, Position>) =>
      new Promise((resolve, reject) => {
        const entries = [...positions];
        requests.push({
          offsets: entries.map(([{ partition }, { offset }]) => `${partition}:${offset}`),
          answer: (errors) =>
            resolve(
              new Map(
                errors.map(([partition, code]) => [
                  entries.find(([each]) => each.partition === partition)?.[0],
                  code,
                ]),
              ),
            ),
          fail: reject,
        });
      }),
  };
  return { committer: new Committer(member as unknown as GroupMember), requests };
}

describe("kafka: committer", () => {
  it("sends one request at a time; commits that come meanwhile share the next one", async () => {
    const { committer, requests } = scripted();
    const first = committer.commit(a, at(1));
    const others = [committer.commit(b, at(2)), committer.commit(c, at(3)), committer.commit(b, at(4))];
    assert.deepEqual(
      requests.map(({ offsets }) => offsets),
      [["0:1"]],
    );
    requests[0]?.answer([]);
    assert.equal(await first, 0);
    assert.deepEqual(requests[1]?.offsets, ["1:4", "2:3"]);
    requests[1]?.answer([[2, 29]]);
    assert.deepEqual(await Promise.all(others), [0, 29, 0]);
  });

  it("an error fails the commits of its request, and not the next ones", async () => {
    const { committer, requests } = scripted();
    const first = committer.commit(a, at(1));
    const second = committer.commit(b, at(2));
    requests[0]?.fail(new Error("lost"));
    await assert.rejects(first, /lost/);
    requests[1]?.answer([]);
    assert.equal(await second, 0);
  });
});

describe("kafka: uncommitted positions", () => {
  it("are continued while no other member has committed", () => {
    const uncommitted = new UncommittedPositions();
    uncommitted.note(a, 5, at(6, "id"));
    assert.deepEqual(uncommitted.resume(a, at(5, "id")), at(6, "id"));
    assert.deepEqual(uncommitted.resume(b, at(9)), at(9));
  });

  it("are dropped after another commit, after the topic was recreated, or when the partition is assigned to another member", () => {
    const uncommitted = new UncommittedPositions();
    uncommitted.note(a, 5, at(6, "id"));
    assert.deepEqual(uncommitted.resume(a, at(7, "id")), at(7, "id"));
    uncommitted.note(a, 5, at(6, "id"));
    assert.deepEqual(uncommitted.resume(a, at(5, "other")), at(5, "other"));
    uncommitted.note(a, 5, at(6, "id"));
    uncommitted.keepOnly([b]);
    assert.deepEqual(uncommitted.resume(a, at(5, "id")), at(5, "id"));
    uncommitted.note(a, 5, at(6, "id"));
    uncommitted.clear(a);
    assert.deepEqual(uncommitted.resume(a, at(5, "id")), at(5, "id"));
  });
});
