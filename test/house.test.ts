// The shape of `src`: which folder may import which, where each client library lives, and how long a file may be.

import { strict as assert } from "node:assert";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { type House, type Source, violations } from "./support/house.ts";

const house: House = {
  mayImport: {
    "main.ts": ["commands", "core"],
    commands: ["app", "client", "core"],
    client: ["core"],
    app: ["*"],
    config: ["core", "kafka/produce/compression.ts"],
    core: [],
    wire: [],
    ops: ["core"],
    http: ["core"],
    runners: ["core"],
    live: ["core"],
    web: ["core"],
    webhooks: ["core", "web"],
    sinks: ["core", "web"],
    sources: ["core", "web"],
    "kafka/client": ["core", "wire", "web"],
    "kafka/produce": ["kafka/client", "core", "wire"],
    "kafka/consume": ["kafka/client", "core", "wire"],
    "kafka/admin": ["kafka/client", "core", "wire"],
    "dev-broker": ["wire"],
  },
  homes: {
    kafkajs: ["kafka/admin"],
    snappy: ["kafka/produce/compression.ts", "kafka/consume/decompress.ts"],
    "lz4-napi": ["kafka/produce/compression.ts", "kafka/consume/lz4-frame.ts"],
    fzstd: ["kafka/consume/zstd-frame.ts"],
    express: ["http"],
    jose: ["http/auth"],
    "@octokit/auth-app": ["webhooks"],
    "@octokit/core": ["webhooks"],
    "@octokit/plugin-throttling": ["webhooks"],
    "@octokit/webhooks": ["webhooks"],
    "eventsource-parser": ["sources/sse"],
    pg: ["sources/postgres/server"],
    "@slack/webhook": ["sinks/slack"],
    "@slack/web-api": ["sinks/slack"],
    pino: ["ops"],
    "prom-client": ["ops"],
    "https-proxy-agent": ["web"],
    ajv: ["core/schemas.ts", "config"],
    "ajv-formats": ["core/schemas.ts"],
    re2js: ["core/linear-pattern.ts"],
    "@eslint-community/regexpp": ["core/linear-pattern.ts"],
    jsonata: ["core/expressions.ts"],
    yaml: ["config"],
  },
  importedBy: {
    "wire/messages/fetch.ts": ["kafka/consume/fetcher.ts", "dev-broker"],
  },
  madeIn: { AcceptedRecord: "core/ingest.ts", Verified: "core/webhook.ts" },
  requires: ["kafka/admin/kafkajs-repairs.ts"],
  withoutNode: { core: ["node:http", "node:https", "node:http2", "node:net", "node:tls", "node:dgram"] },
  process: "main.ts",
  maxLines: 250,
};

const sources: readonly Source[] = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => ({
    file: file.replaceAll(path.sep, "/"),
    text: readFileSync(path.join("src", file), "utf8"),
  }));

describe("the house", () => {
  it("keeps its rules in every source file", () => {
    assert.deepEqual(
      sources.flatMap((source) => violations(house, source)),
      [],
    );
  });

  it("has a median file of fewer than 120 lines", () => {
    const sizes = sources.map(({ text }) => text.split("\n").length - 1).sort((a, b) => a - b);
    assert.ok((sizes[Math.floor(sizes.length / 2)] ?? 0) < 120);
  });
});

describe("the tests of the house", () => {
  /** Folders of `test/` that do not mirror one of `src/`. */
  const own = ["clients", "contract", "docs", "issues", "process", "promises", "support"];
  const tests = readdirSync("test", { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll(path.sep, "/"))
    .filter((file) => file.endsWith(".test.ts") && !file.startsWith("clients/"));

  it("mirror src: every other folder of tests exists in src", () => {
    const folders = tests
      .map((file) => path.posix.dirname(file))
      .filter((folder) => folder !== "." && !own.includes(folder.split("/")[0] ?? ""));
    assert.deepEqual(
      folders.filter((folder) => !existsSync(path.join("src", folder))),
      [],
    );
  });

  it("have a file for each promise that is built, named after its number", () => {
    const numbers = tests.map((file) => /^promises\/(\d)-/.exec(file)?.[1]).filter(Boolean);
    assert.deepEqual([...new Set(numbers)].sort(), ["1", "2", "3", "4", "5", "6", "7", "8", "9"]);
  });

  it("do not stop anything by hand in the last line of a test", () => {
    const stopsByHand = (text: string): boolean =>
      [...text.matchAll(/^ {2}it\w*\([\s\S]*?^ {2}\}\);$/gm)].some(([block]) =>
        /^ {4}await \w+\.stop\(\);\n {2}\}\);$/m.test(block),
      );
    assert.deepEqual(
      tests.filter((file) => stopsByHand(readFileSync(path.join("test", file), "utf8"))),
      [],
    );
  });

  it("can run one file alone: mocha's configuration names no files", () => {
    const config = JSON.parse(readFileSync(".mocharc.json", "utf8"));
    assert.equal(config.spec, undefined);
  });
});

describe("the guard of the house reports", () => {
  const planted: readonly [title: string, source: Source, expected: RegExp][] = [
    [
      "an import that the table does not allow",
      { file: "http/planted.ts", text: 'import { Cluster } from "../kafka/client/cluster.ts";\n' },
      /^http may import core alone: src\/http\/planted\.ts imports kafka\/client\/cluster\.ts$/,
    ],
    [
      "the same in a sub-folder, as a type",
      { file: "http/produce/formats/planted.ts", text: 'import type { Log } from "../../../ops/log.ts";\n' },
      /^http may import core alone/,
    ],
    [
      "the same as a re-export",
      { file: "core/planted.ts", text: 'export { readBatches } from "../wire/record-batch-reader.ts";\n' },
      /^core may import nothing of ours/,
    ],
    [
      "the same by import()",
      { file: "sinks/planted.ts", text: 'const poll = () => import("../kafka/consume/consumer.ts");\n' },
      /^sinks may import core and web/,
    ],
    [
      "import() of a name that is not a literal",
      { file: "sinks/planted.ts", text: "const load = (name: string) => import(name);\n" },
      /^import\(\) must have a string literal/,
    ],
    [
      "produce, consume and admin importing one another",
      { file: "kafka/consume/planted.ts", text: 'import { Lane } from "../produce/lane.ts";\n' },
      /^kafka\/consume may import kafka\/client, core and wire/,
    ],
    [
      "the Fetch message away from the fetcher",
      { file: "kafka/consume/planted.ts", text: 'import { Fetch } from "../../wire/messages/fetch.ts";\n' },
      /^only kafka\/consume\/fetcher\.ts and dev-broker may import wire\/messages\/fetch\.ts/,
    ],
    [
      "an AcceptedRecord that ingest did not make",
      {
        file: "http/planted.ts",
        text: 'import type { AcceptedRecord } from "../core/record.ts";\nexport const made = (draft: unknown) => draft as AcceptedRecord;\n',
      },
      /^only src\/core\/ingest\.ts makes a value of type AcceptedRecord: src\/http\/planted\.ts casts to it$/,
    ],
    [
      "a file outside every folder of the table",
      { file: "extras/planted.ts", text: 'import "../core/errors.ts";\n' },
      /^src\/extras\/planted\.ts is in no folder of the table/,
    ],
    [
      "a client library away from its home",
      { file: "core/planted.ts", text: 'import express, { Router } from "express";\n' },
      /^only http may import express: src\/core\/planted\.ts imports it$/,
    ],
    [
      "createRequire, whose argument it cannot follow",
      {
        file: "http/planted.ts",
        text: 'import { createRequire as c } from "node:module";\nconst r = c(import.meta.url);\nr("kafka" + "js");\n',
      },
      /^only kafka\/admin\/kafkajs-repairs\.ts may use createRequire: src\/http\/planted\.ts does$/,
    ],
    [
      "a file that is started by its URL",
      {
        file: "http/planted.ts",
        text: 'export const url = new URL("../kafka/client/cluster.ts", import.meta.url);\n',
      },
      /^http may import core alone/,
    ],
    [
      "an import of a name that is a string",
      { file: "http/planted.ts", text: 'import { "a;b" as x } from "../kafka/client/cluster.ts";\nx();\n' },
      /^http may import core alone/,
    ],
    [
      "an import from outside of src",
      { file: "app/planted.ts", text: 'import { post } from "../../test/support/http.ts";\npost();\n' },
      /^src\/app\/planted\.ts imports \.\.\/test\/support\/http\.ts, which is outside of src$/,
    ],
    [
      "an AcceptedRecord under another name",
      {
        file: "http/planted.ts",
        text: 'import type { AcceptedRecord as A } from "../core/record.ts";\nexport const made = (draft: unknown) => draft as A;\n',
      },
      /^only src\/core\/ingest\.ts makes a value of type AcceptedRecord/,
    ],
    [
      "an AcceptedRecord in an array",
      {
        file: "http/planted.ts",
        text: 'import type { AcceptedRecord } from "../core/record.ts";\nexport const made = (drafts: unknown) => drafts as Array<AcceptedRecord>;\n',
      },
      /^only src\/core\/ingest\.ts makes a value of type AcceptedRecord/,
    ],
    [
      "a delivery that nothing has verified",
      {
        file: "webhooks/planted.ts",
        text: 'import type { Verified } from "../core/webhook.ts";\nexport const made = (d: unknown) => d as Verified;\n',
      },
      /^only src\/core\/webhook\.ts makes a value of type Verified/,
    ],
    [
      "a file of no folder that imports nothing",
      { file: "kafka/planted.ts", text: "export const x = 1;\n" },
      /^src\/kafka\/planted\.ts is in no folder of the table/,
    ],
    [
      "`process` in a choice",
      {
        file: "ops/planted.ts",
        text: "export const p = (a: boolean, b: object) => (a ? process : b);\n",
      },
      /^only src\/main\.ts may touch `process`/,
    ],
    [
      "a part of one, by createRequire",
      {
        file: "kafka/admin/kafkajs-repairs.ts",
        text: 'import { createRequire } from "node:module";\nconst x = createRequire(import.meta.url)("express/index.js");\n',
      },
      /^only http may import express/,
    ],
    [
      "a library that has no home",
      { file: "http/planted.ts", text: 'import _ from "lodash";\n' },
      /^lodash has no home in the table/,
    ],
    [
      "a module of Node that is forbidden in the folder",
      { file: "core/planted.ts", text: 'import http from "node:http";\n' },
      /^core may not import node:http/,
    ],
    [
      "`process` outside main.ts",
      { file: "ops/planted.ts", text: "export const pid = process.pid;\n" },
      /^only src\/main\.ts may touch `process`: src\/ops\/planted\.ts does$/,
    ],
    [
      "`process` imported",
      { file: "ops/planted.ts", text: 'import { env } from "node:process";\n' },
      /^only src\/main\.ts may touch `process`/,
    ],
    [
      "`process` through globalThis",
      { file: "ops/planted.ts", text: "export const { pid } = globalThis.process;\n" },
      /^src\/ops\/planted\.ts uses the global object/,
    ],
    [
      "a file of more than 250 lines",
      { file: "core/planted.ts", text: "export {};\n".repeat(251) },
      /^src\/core\/planted\.ts has 251 lines; split it \(250 at most\)$/,
    ],
  ];
  for (const [title, source, expected] of planted)
    it(title, () => {
      const found = violations(house, source);
      assert.equal(found.length, 1, found.join("\n"));
      assert.match(found[0] ?? "", expected);
    });

  it("nothing in a comment, a string, or a property of another name", () => {
    const text = [
      '// import { x } from "../kafka/cluster.ts"; process.exit()',
      'export const parts = { process: "import x from \\"express\\"" };',
      "export const status = parts.process;",
      "",
    ].join("\n");
    assert.deepEqual(violations(house, { file: "core/planted.ts", text }), []);
  });
});
