// Problems that the client reports to callers: the topic or the cluster, and the next step.

import { OnrampError } from "../../core/errors.ts";

/** 40401 for a topic that Kafka does not have. */
export function unknownTopic(topic: string): OnrampError {
  return new OnrampError(
    40401,
    `Kafka has no topic "${topic}". Check the name, or create the topic first: Onramp does not create topics by accident.`,
  );
}

/** 40301 that names the missing ACL. */
export function denied(topic: string, operation: string): OnrampError {
  return new OnrampError(
    40301,
    `Kafka does not let Onramp's user do this: it needs the ACL "${operation}" on topic "${topic}".`,
  );
}

/** 50301: nothing was written. */
export function unreachable(what: string, cause?: unknown): OnrampError {
  return new OnrampError(50301, `${what}; nothing was written. Try again after Retry-After.`, { cause });
}
