// Whatever keeps the consumer group of a sink from reading or committing is reported on /sinks, in one line of the log and as
// a metric, and the sink resumes when the cause is resolved.

import { KafkaCode } from "../../src/wire/error-codes.ts";
import { allow, deny, limitedLogin, plainBrokers, secureBrokers } from "../support/acls.ts";
import { type Cause, dev, useBlockedSinks } from "../support/blocked-sinks.ts";
import { describeIf, describeOnDevBroker } from "../support/broker.ts";
import { startMember } from "../support/group-members.ts";
import { until } from "../support/until.ts";

const onDevBroker: Readonly<Record<string, Cause>> = {
  "the group has no coordinator at the start": {
    atStart: true,
    ofGroup: true,
    begin: (place) => {
      dev(place).coordinator = () => KafkaCode.COORDINATOR_NOT_AVAILABLE;
    },
    end: (place) => dev(place).clear(),
    says: ["GROUP", "15 COORDINATOR_NOT_AVAILABLE", "__consumer_offsets"],
  },
  "commits are refused": {
    ofGroup: true,
    begin: (place) => {
      dev(place).commit = () => KafkaCode.GROUP_AUTHORIZATION_FAILED;
    },
    end: (place) => dev(place).clear(),
    // The offset of either topic may be the first that is refused.
    says: [/t-[\w-]+\/0/, "30 GROUP_AUTHORIZATION_FAILED", 'ACL "Read" on the consumer group'],
  },
};

const restless = new Map<string, { running: boolean }>();

const onBoth: Readonly<Record<string, Cause>> = {
  "another member joins and leaves again and again": {
    ofGroup: true,
    begin: ({ topic, group, broker }) => {
      const state = { running: true };
      restless.set(group, state);
      void (async () => {
        while (state.running) {
          const { consumer, stop } = startMember(broker.addresses(), group, [topic], "earliest");
          await until(() => consumer.isAssigned || !state.running).catch(() => {});
          await stop();
        }
      })();
    },
    end: ({ group }) => {
      const state = restless.get(group);
      if (state) state.running = false;
    },
    says: ["GROUP", "keeps rebalancing", "kafka-consumer-groups --describe --members"],
  },
};

const withAcls: Readonly<Record<string, Cause>> = {
  "the ACL of the group is missing at the start (Apache Kafka)": {
    atStart: true,
    ofGroup: true,
    kafka: limitedLogin,
    begin: ({ group }) => deny("limited", group, "READ", "GROUP"),
    end: ({ group }) => allow("limited", group, "READ", "GROUP"),
    says: ["GROUP", "30 GROUP_AUTHORIZATION_FAILED", 'ACL "Read"'],
  },
};

describe("issue: a sink reports what blocks its group", function () {
  this.timeout(90_000);
  const { check } = useBlockedSinks();

  describeOnDevBroker("on the development broker", () => {
    for (const [name, cause] of Object.entries(onDevBroker)) it(name, () => check(cause));
  });
  describe("on both brokers", () => {
    for (const [name, cause] of Object.entries(onBoth)) it(name, () => check(cause));
  });
  describeIf(secureBrokers.length > 0 && plainBrokers.length > 0, "with ACLs", () => {
    for (const [name, cause] of Object.entries(withAcls)) it(name, () => check(cause));
  });
});
