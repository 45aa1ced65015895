// The options of the source kind `postgres`.

import { boolean, duration, list, map, object, oneOf, string, type ValuesOf } from "../../core/options.ts";
import { tlsFiles } from "../../core/tls-files.ts";

export const postgresOptions = object({
  url: string(
    "The URL of the database, in libpq's form: postgres://user:password@host:5432/database?sslmode=verify-full. sslmode has the modes of libpq; its default is prefer.",
    { required: true },
  ),
  tls: object(tlsFiles),
  tables: list(
    string("A table such as public.demo, or a pattern such as public.*."),
    "The tables, as schema.table. * matches any text. A pattern with ! before it excludes tables. The last pattern that matches decides.",
    { required: true, minItems: 1 },
  ),
  columns: list(
    string("A column such as public.demo.email, or a pattern."),
    "The columns, as schema.table.column, with the same patterns as tables: with patterns that all have !, the other columns are written. Columns of keys are always in the key. Default: all.",
    { default: [] },
  ),
  topicPrefix: string(
    "The first part of the topics (topicPrefix.schema.table). Debezium calls it topic.prefix. Default: the name of the source.",
    { pattern: "^[a-zA-Z0-9._-]{1,100}$" },
  ),
  slot: string("The replication slot. Default: <kafka.namespace>_<name of the source>.", {
    pattern: "^[a-z0-9_]{1,63}$",
  }),
  publication: string("The publication. Default: <kafka.namespace>_<name of the source>."),
  snapshot: oneOf(
    ["initial", "never", "only"],
    "initial: the rows of each table are read once, while changes are streamed. never: changes only. only: rows and changes until all tables are read, then the source drops its slot and waits.",
    { default: "initial" },
  ),
  snapshotWhere: map(
    string("A condition such as created_at > now() - interval '1 day'."),
    "SQL conditions by table (schema.table). A snapshot reads only the rows that meet the condition.",
    { default: {} },
  ),
  onSlotLost: oneOf(
    ["stop", "snapshot"],
    "What happens when changes are missing, because the slot or the server no longer has them. stop: the source is blocked. snapshot: a new slot is created, and the tables are read again (unless snapshot is never); rows that were deleted meanwhile are not reported.",
    { default: "stop" },
  ),
  signals: boolean(
    "Whether a snapshot can be requested with SELECT pg_logical_emit_message(true, 'onramp', '{\"snapshot\":[\"public.demo\"]}').",
    { default: true },
  ),
  failover: boolean("Whether the slot is synchronized to standbys (PostgreSQL 17 and later).", {
    default: false,
  }),
  partitions: oneOf(
    ["root", "leaf"],
    "The topics of partitioned tables. root: one per partitioned table. leaf: one per partition, which is Debezium's default.",
    { default: "root" },
  ),
  schemas: boolean("Whether each key and value has its schema, as Kafka Connect's JsonConverter writes it.", {
    default: false,
  }),
  tombstones: boolean(
    "Whether a record without a value follows each delete, so that compaction removes the key.",
    {
      default: true,
    },
  ),
  truncates: boolean("Whether TRUNCATE is written (op t). Debezium skips it by default, too.", {
    default: false,
  }),
  messages: boolean(
    "Whether logical messages (pg_logical_emit_message) are written to <topicPrefix>.message.",
    { default: true },
  ),
  heartbeat: duration(
    "The interval of records in __debezium-heartbeat.<topicPrefix>. Default: none are written.",
  ),
});

export type PostgresOptions = ValuesOf<typeof postgresOptions.properties>;
