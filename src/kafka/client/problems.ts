// Creates the errors of the Kafka client that HTTP clients receive.

import { OnrampError } from "../../core/errors.ts";

/** 40401: the topic does not exist. */
export function unknownTopic(topic: string): OnrampError {
  return new OnrampError(
    40401,
    `Kafka has no topic "${topic}". Check the name, or create the topic first: a request never creates a topic.`,
  );
}

/** 40301: an ACL is missing. @param operation the operation that the ACL must allow, such as "Write" */
export function denied(topic: string, operation: string): OnrampError {
  return new OnrampError(
    40301,
    `Kafka does not authorize Onramp's user: it needs the ACL "${operation}" on topic "${topic}".`,
  );
}

/** 40801: the time limit of the request passed before its records could be appended. */
export function tooLate(): OnrampError {
  return new OnrampError(
    40801,
    "The time limit of the request (http.deadline, or that of the webhook) passed before its records could be appended; nothing was written. Send it again. If this happens again, simplify the topic's key expression or schema, or raise http.deadline.",
  );
}

/** 50301: Kafka did not answer, and nothing was written. @param reason starts the message, without a full stop */
export function unreachable(reason: string, cause?: unknown): OnrampError {
  return new OnrampError(50301, `${reason}; nothing was written. Try again after Retry-After.`, { cause });
}
