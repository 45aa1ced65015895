// The ACLs that sources need, as docs/operations.md lists them: with them, a source runs; without any one of them, it names
// the missing one, and it continues by itself when the ACL is added.

import { strict as assert } from "node:assert";
import {
  allow,
  limitedLogin,
  type Operation,
  plainBrokers,
  type Resource,
  secureBrokers,
} from "../support/acls.ts";
import { createTopic, describeIf } from "../support/broker.ts";
import { keepingLog, startTestGateway } from "../support/gateway.ts";
import { hurryingClock } from "../support/hurrying-clock.ts";
import { counting, scripted, sourceState, untilState } from "../support/sources.ts";
import { until } from "../support/until.ts";

interface Acl {
  readonly title: string;
  readonly name: string;
  readonly operation: Operation;
  readonly resource: Resource;
  /** What the source says without it. */
  readonly names: RegExp;
}

describeIf(secureBrokers.length > 0 && plainBrokers.length > 0, "the ACLs of sources", function () {
  this.timeout(120_000);

  async function setUp() {
    const topic = await createTopic(plainBrokers);
    await createTopic(plainBrokers, {}, `${topic}.dead-letter`);
    const namespace = `ns-${topic}`;
    const state = `${namespace}.sources`;
    const config = {
      "cleanup.policy": "compact",
      "segment.bytes": "8388608",
      "min.cleanable.dirty.ratio": "0.1",
      "delete.retention.ms": "60000",
    };
    await createTopic(plainBrokers, { partitions: 16, config }, state);
    const acl = (
      title: string,
      name: string,
      operation: Operation,
      resource: Resource,
      names: RegExp,
    ): Acl => ({
      title,
      name,
      operation,
      resource,
      names,
    });
    const acls = [
      acl(
        "Write on the transactional ids",
        `${namespace}-source-*`,
        "WRITE",
        "TRANSACTIONAL_ID",
        /transactional id "ns-.*-source-in".*"Write"/,
      ),
      acl("Read on the state topic", state, "READ", "TOPIC", /ACL "Read" on topic "ns-.*\.sources"/),
      acl("Write on the state topic", state, "WRITE", "TOPIC", /ACL "Write" on topic "ns-.*\.sources"/),
      acl(
        "Read on the group",
        `${namespace}-sources`,
        "READ",
        "GROUP",
        /consumer group "ns-.*-sources".*ACL "Read"/,
      ),
      acl(
        "Write on the topic of the source",
        topic,
        "WRITE",
        "TOPIC",
        new RegExp(`ACL "Write" on topic "${topic}"`),
      ),
    ];
    const start = () =>
      startTestGateway(
        secureBrokers,
        {
          kinds: { sources: [scripted(counting())] },
          kafka: { ...limitedLogin, namespace },
          sources: { in: { type: "scripted", topic } },
        },
        keepingLog(),
        hurryingClock(),
      );
    return { acls, start };
  }
  const give = ({ name, operation, resource }: Acl) => allow("limited", name, operation, resource);

  it("are sufficient", async () => {
    const { acls, start } = await setUp();
    for (const each of acls) await give(each);
    const gateway = await start();
    await until(async () => (await sourceState(gateway)).records > 5, 30_000);
  });

  for (const [index, title] of [
    "Write on the transactional ids",
    "Read on the state topic",
    "Write on the state topic",
    "Read on the group",
    "Write on the topic of the source",
  ].entries())
    it(`are all necessary: without "${title}", lastError names it`, async () => {
      const { acls, start } = await setUp();
      for (const each of acls) if (each.title !== title) await give(each);
      const gateway = await start();
      await until(async () => (await sourceState(gateway)).lastError !== null, 30_000);
      const missing = acls[index] as Acl;
      await until(
        async () => missing.names.test((await sourceState(gateway)).lastError?.message ?? ""),
        30_000,
      );
      await untilState(gateway, ["blocked"]);
      assert.equal((await sourceState(gateway)).records, 0);
      await give(missing);
      await until(async () => (await sourceState(gateway)).records > 0, 60_000);
    });
});
