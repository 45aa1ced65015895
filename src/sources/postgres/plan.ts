// What the options of a source say, compiled.

import type { AdapterContext } from "../../core/adapter.ts";
import { requireAll } from "../../core/adapter.ts";
import { readTlsFiles } from "../../core/tls-files.ts";
import { ms } from "../../core/units.ts";
import type { PostgresOptions } from "./options.ts";
import { defaultName } from "./server/names.ts";
import type { PublicationOptions } from "./server/publication.ts";
import { parseServer, type Server } from "./server/server.ts";
import { isName, NameFilter, topicOf } from "./table-filter.ts";

export interface Plan {
  /** The name of the source. */
  readonly name: string;
  readonly server: Server;
  readonly applicationName: string;
  readonly slot: string;
  readonly publication: Omit<PublicationOptions, "version">;
  readonly tables: NameFilter;
  readonly columns: NameFilter;
  readonly topicPrefix: string;
  readonly snapshot: "initial" | "never" | "only";
  readonly snapshotWhere: Readonly<Record<string, string>>;
  readonly onSlotLost: "stop" | "snapshot";
  readonly signals: boolean;
  readonly failover: boolean;
  readonly schemas: boolean;
  readonly tombstones: boolean;
  readonly truncates: boolean;
  readonly messages: boolean;
  /** Undefined: no heartbeats. */
  readonly heartbeatMs: number | undefined;
  /** The topics that the options name. */
  readonly topics: readonly string[];
  /** The prefix of the slots of all sources of this installation. */
  readonly slotPrefix: string;
  /** The slots of all configured sources. */
  readonly slots: Set<string>;
}

/** The longest application_name of PostgreSQL, in bytes. */
const MAX_APPLICATION_NAME = 63;

/** @throws Error, or AggregateError, for mistakes in the options */
export function planOf(
  { url, tls = {}, ...options }: PostgresOptions,
  { name, namespace, folder, shared }: AdapterContext,
): Plan {
  const { tables, columns, topicPrefix = name, partitions, heartbeat } = options;
  const own = defaultName(namespace, name);
  const [server] = requireAll(
    () => parseServer(url, readTlsFiles(tls, folder)),
    () => {
      if (!tables.some((rule) => !rule.startsWith("!")))
        throw new Error("tables: at least one entry must select tables");
      for (const [index, rule] of tables.entries())
        if (!/^!?[^.]+\..+$|^!?\*$/s.test(rule))
          throw new Error(
            `tables.${index}: the entry has no schema; write it as schema.table, such as public.demo`,
          );
    },
  );
  const filter = new NameFilter(tables, false);
  const isInclusive = columns.some((rule) => !rule.startsWith("!"));
  const expected = tables.filter(isName);
  const slot = options.slot ?? own;
  const slots = shared("slots of postgres", () => new Set<string>());
  if (slots.has(slot))
    throw new Error("slot: another source has the same replication slot; set slot to another name");
  slots.add(slot);
  return {
    ...options,
    name,
    server,
    applicationName: `onramp:${name}`.slice(0, MAX_APPLICATION_NAME),
    slot,
    slots,
    publication: {
      name: options.publication ?? own,
      tables: filter,
      expected,
      viaRoot: partitions === "root",
      comment: `Created by Onramp for the source ${name} (${namespace}).`,
    },
    tables: filter,
    columns: new NameFilter(columns, !isInclusive),
    topicPrefix,
    heartbeatMs: heartbeat === undefined ? undefined : ms(heartbeat),
    topics: expected.map((table) => {
      const [schema = "", ...rest] = table.split(".");
      return topicOf(topicPrefix, schema, rest.join("."));
    }),
    slotPrefix: defaultName(namespace, ""),
  };
}
