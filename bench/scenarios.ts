// The loads that are measured, and the baseline of each.

import { envelope, lines, order } from "./bodies.ts";
import type { Server } from "./servers.ts";

const V2 = "application/vnd.kafka.json.v2+json";
const JSON_TYPE = "application/json";

/** One row of the table. */
export interface Scenario {
  readonly name: string;
  readonly server: Server;
  readonly path: string;
  readonly body: string;
  readonly contentType: string;
  readonly connections: number;
  /** Records per request. */
  readonly records: number;
  readonly authorization?: string;
  /** For NDJSON: the number of lines in the one request; `body` is a block of 1,000 lines. */
  readonly lines?: number;
  /** The name of the row that this row is compared with. */
  readonly base?: string;
  /** The least acceptable ratio of requests per CPU-second (issue 4). */
  readonly wanted?: number;
}

export interface Servers {
  readonly bare: Server;
  readonly express: Server;
  readonly gateway: Server;
  /** A gateway that requires a token. */
  readonly guarded: Server;
  readonly token: string;
}

const BARE = "bare node:http";
const BARE_100 = "bare node:http, envelope of 100";

export function scenarios({ bare, express, gateway, guarded, token }: Servers): Scenario[] {
  const single = {
    path: "/topics/bench",
    body: order(),
    contentType: JSON_TYPE,
    connections: 64,
    records: 1,
  };
  const enveloped = { ...single, body: envelope(1), contentType: V2 };
  const hundred = { ...single, body: envelope(100), contentType: V2, connections: 8, records: 100 };
  const authorization = `Bearer ${token}`;
  return [
    { ...single, name: BARE, server: bare, contentType: JSON_TYPE },
    { ...single, name: "Express alone", server: express, base: BARE },
    { ...single, name: "raw", server: gateway, base: BARE, wanted: 0.75 },
    { ...single, name: "raw, schema", server: gateway, path: "/topics/checked", base: BARE, wanted: 0.65 },
    { ...single, name: "raw, token", server: guarded, authorization, base: BARE, wanted: 0.7 },
    { ...enveloped, name: "envelope of 1", server: gateway, base: BARE },
    { ...enveloped, name: "envelope of 1, schema", server: gateway, path: "/topics/checked", base: BARE },
    { ...enveloped, name: "envelope of 1, token", server: guarded, authorization, base: BARE },
    { ...hundred, name: BARE_100, server: bare },
    { ...hundred, name: "envelope of 100", server: gateway, base: BARE_100, wanted: 0.45 },
  ];
}

/** Loads for any server that accepts Confluent's v2 envelope. */
export function peerScenarios(url: string, pid: string | undefined): Scenario[] {
  const server: Server = { url, pid: pid === undefined ? undefined : Number(pid), stop: async () => {} };
  const common = { server, path: "/topics/bench", contentType: V2 };
  return [
    { ...common, name: "peer: envelope of 1", body: envelope(1), connections: 64, records: 1 },
    { ...common, name: "peer: envelope of 100", body: envelope(100), connections: 8, records: 100 },
  ];
}

/** Loads for this build, and for the build of another checkout, which they are compared with. */
export function againstScenarios(here: Server, there: Server): Scenario[] {
  const raw = {
    path: "/topics/bench",
    body: order(),
    contentType: JSON_TYPE,
    connections: 64,
    records: 1,
  };
  const loads = [
    { ...raw, name: "raw" },
    { ...raw, name: "envelope of 1", body: envelope(1), contentType: V2 },
    {
      ...raw,
      name: "envelope of 100",
      body: envelope(100),
      contentType: V2,
      connections: 8,
      records: 100,
    },
    { ...raw, name: "NDJSON", body: String(lines(1000)), lines: 500_000 },
    { ...raw, name: "raw, schema", path: "/topics/checked" },
    { ...raw, name: "envelope of 1, schema", body: envelope(1), contentType: V2, path: "/topics/checked" },
  ];
  return loads.flatMap((load) => {
    const base = `${load.name}, before`;
    return [
      { ...load, name: base, server: there },
      // Patterns run in linear time, which costs more.
      { ...load, server: here, base, wanted: "path" in load ? 0.9 : 0.97 },
    ];
  });
}
