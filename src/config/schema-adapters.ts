// What adapters bring to the configuration's schema, made whole.

import { duration, type SchemaPart, string } from "../core/options.ts";

/** What every sink has beside its kind's own options. */
const commonSinkOptions = {
  topics: {
    type: "array",
    minItems: 1,
    uniqueItems: true,
    items: string("A topic."),
    description: "What it reads.",
  },
  from: {
    enum: ["latest", "earliest"],
    default: "latest",
    description: "Where a sink of a new name starts; later it goes on where it left off.",
  },
  filter: string("JSONata over the value; records for which it is not true are passed over."),
  giveUpAfter: duration(
    "How long a record is tried while its receiver answers with failures; then it becomes a dead letter. Time in which the receiver is away does not count.",
    "10m",
  ),
};

/** A kind of sink with what all have. */
export function withCommon(options: SchemaPart): SchemaPart {
  return {
    ...options,
    additionalProperties: false,
    required: [...((options["required"] as string[] | undefined) ?? []), "topics"],
    properties: { ...(options["properties"] as object), ...commonSinkOptions },
  };
}

/** One of several kinds, told apart by `type`. Not oneOf: ajv fills in defaults below `then` alone. */
export function oneOfKinds(kinds: readonly SchemaPart[], description: string): SchemaPart {
  return {
    type: "object",
    required: ["type"],
    properties: { type: { enum: kinds.map(typeOf), description } },
    allOf: kinds.map((options) => ({
      if: { properties: { type: { const: typeOf(options) } } },
      then: options,
    })),
  };
}

function typeOf(options: SchemaPart): unknown {
  return (options["properties"] as { type: { const: unknown } }).type.const;
}
