// The source kind `postgres`: the changes of PostgreSQL's tables, as Debezium writes them.

import { adapterKind } from "../../core/adapter.ts";
import { invalidCursor, type Source } from "../../core/source.ts";
import { isCursor, type PostgresCursor } from "./cursor.ts";
import { GAUGES } from "./gauges.ts";
import { postgresOptions } from "./options.ts";
import { planOf } from "./plan.ts";
import { insertsName, quoteIdentifier } from "./server/names.ts";

export const postgres = adapterKind({
  type: "postgres",
  options: postgresOptions,
  defaults: { tooLarge: "stop" },
  create(options, context): Source<PostgresCursor> {
    const plan = planOf(options, context);
    const { slot, topics } = plan;
    const { host, port, database } = plan.server;
    const names = [plan.publication.name, insertsName(plan.publication.name)];
    const quoted = names.map(quoteIdentifier).join(", ");
    const excluded = new Set<string>();
    return {
      topics,
      gauges: GAUGES,
      holds: `the replication slot "${slot}" and the publications ${quoted} of the database "${database}" on ${host}:${port} (SELECT pg_drop_replication_slot('${slot}'); DROP PUBLICATION ${quoted};)`,
      async release(signal) {
        const { release } = await import("./run.ts");
        return release(plan, signal);
      },
      async *run(cursor, signal, report) {
        if (cursor !== undefined && !isCursor(cursor)) throw invalidCursor(context.name);
        const { runPostgres } = await import("./run.ts");
        yield* runPostgres(plan, context, cursor, signal, report, excluded);
      },
    };
  },
});
