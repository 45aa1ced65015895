// The source `postgres` keeps the contract of sources.

import { sourceContract } from "../../contract/source.ts";
import { describeIf, thorough } from "../../support/broker.ts";
import { usePostgres } from "../../support/postgres/server.ts";

describeIf(thorough, "sources: postgres", () => {
  const postgres = usePostgres();
  let table: string;
  let last: number;

  sourceContract("postgres", {
    async prepare(name) {
      table = name;
      last = 0;
      await postgres().sql(`CREATE TABLE "${table}" (n int PRIMARY KEY)`);
      await postgres().sql(`CREATE PUBLICATION "${table}" FOR TABLE "${table}"`);
      await postgres().sql("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [slot()]);
      return `contract.public.${table}`;
    },
    options: () => ({
      type: "postgres",
      url: postgres().url(),
      tables: [`public.${table}`],
      topicPrefix: "contract",
      slot: slot(),
      publication: table,
      snapshot: "never",
    }),
    numberIn: ({ value }) => JSON.parse(String(value)).after.n,
    async feed(number) {
      if (number <= last) return;
      await postgres().sql(`INSERT INTO "${table}" SELECT generate_series(${last + 1}, ${number})`);
      last = number;
    },
  });
  const slot = (): string => table.toLowerCase().replaceAll(/[^a-z0-9_]/g, "_");
});
