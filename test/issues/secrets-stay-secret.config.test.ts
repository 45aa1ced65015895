// No problem and no warning of a configuration quotes a value. A secret is set in every option of every kind of adapter and of every
// section: the options come from the schema, so an option that is added is tested, and a kind that is added needs an entry in VALID.

import { strict as assert } from "node:assert";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { adapters } from "../../src/app/adapters.ts";
import { ConfigError } from "../../src/config/problems.ts";
import { configSchema } from "../../src/config/schema.ts";
import { loadTestConfig } from "../support/config.ts";

/** A valid configuration per kind, to which an option is added. */
const VALID: Readonly<Record<string, Readonly<Record<string, object>>>> = {
  webhooks: { github: { secrets: ["s"], topic: "T" } },
  sources: {
    clock: { topic: "T", interval: "1s", value: "1" },
    sample: {},
    "http-poll": { topic: "T", url: "http://127.0.0.1/", id: "id" },
    "alpha-vantage": { topic: "T", apiKey: "k", symbol: "S" },
    x: { topic: "T", query: "q", bearerToken: "t", itemsPerDay: 10 },
    sse: { topic: "T", url: "http://127.0.0.1/" },
    postgres: { url: "postgres://u@127.0.0.1/d", tables: ["public.t"] },
  },
  sinks: {
    slack: { topics: ["T"], webhookUrl: "http://127.0.0.1/", text: "'t'" },
    webhook: { topics: ["T"], url: "http://8.8.8.8/" },
  },
};

const CANARY = "c4n4ryS3cr3tV4lue";
/** Values that are of a wrong type, or that no or few options accept. */
const VALUES: readonly unknown[] = [
  CANARY,
  [CANARY],
  [[CANARY]],
  `http://user:${CANARY}@127.0.0.1/`,
  `https://127.0.0.1/${CANARY}\r\nx: y?token=${CANARY}#${CANARY}`,
  `ftp://${CANARY}/`,
  `postgres://user:${CANARY}@127.0.0.1:${CANARY}/${CANARY}`,
  `postgres://user:${CANARY}@127.0.0.1/d?sslmode=${CANARY}`,
  `postgres://user:a%${CANARY}@127.0.0.1/${CANARY}?${CANARY}=1`,
  `xoxb-${CANARY}\nsecond-${CANARY}`,
  `${CANARY}\0`,
  `  ${CANARY}  `,
  `${CANARY}/33`,
  `10.0.0.0/${CANARY}`,
  `"${CANARY}" & (`,
  `$${CANARY}(`,
  `'${CANARY}' + 12345678901234567890`,
  `!${CANARY}`,
  `{CURSOR}${CANARY}`,
  `-----BEGIN PRIVATE KEY-----\n${CANARY}\n-----END PRIVATE KEY-----`,
  `$\{env:NO_SUCH_VARIABLE}${CANARY}`,
  `whsec_${CANARY}`,
  `😀${CANARY}`,
];

type Part = Readonly<Record<string, unknown>>;
const schema = configSchema(adapters);
const properties = (part: Part): [string, Part][] =>
  Object.entries((part["properties"] ?? {}) as Record<string, Part>);

/** Returns the paths of all options below a part of the schema: members of objects, and one example of each list and map. */
function pathsIn(part: Part, at: readonly string[] = []): (readonly string[])[] {
  const { items, additionalProperties: values, oneOf, anyOf } = part as Record<string, unknown>;
  const below = [
    ...properties(part).flatMap(([name, inner]) => pathsIn(inner, [...at, name])),
    ...(items ? pathsIn(items as Part, [...at, "0"]) : []),
    ...(typeof values === "object" && values ? pathsIn(values as Part, [...at, "canary-name"]) : []),
    ...[oneOf, anyOf].flatMap((parts) => ((parts ?? []) as Part[]).flatMap((each) => pathsIn(each, at))),
  ];
  return at.length === 0 ? below : [at, ...below];
}

/** Returns a copy of a value in which the part at a path is set. */
function withValue(base: unknown, [name, ...rest]: readonly string[], value: unknown): unknown {
  if (name === undefined) return value;
  if (name === "0") return [withValue(Array.isArray(base) ? base[0] : undefined, rest, value)];
  const own = typeof base === "object" && base !== null && !Array.isArray(base) ? base : {};
  return { ...own, [name]: withValue((own as Record<string, unknown>)[name], rest, value) };
}

const folder = mkdtempSync(path.join(tmpdir(), "onramp-canary-"));
const file = path.join(folder, "onramp.yaml");

/** @returns what an operator sees: the problems, or the warnings */
function shown(config: unknown): string {
  writeFileSync(file, JSON.stringify(config));
  try {
    const { warnings } = loadTestConfig(file, { CANARY }).compiled;
    return warnings.join("\n");
  } catch (error) {
    assert.ok(error instanceof ConfigError, `${error}\nfor ${JSON.stringify(config)}`);
    return error.message;
  }
}

function assertSilent(config: unknown): void {
  const text = shown(config);
  const at = text.indexOf(CANARY);
  assert.equal(at, -1, text.slice(Math.max(0, at - 500), at + 100));
}

/** The paths of the options of one kind, with those that every kind of the family has. */
function optionsOf(section: keyof typeof adapters, type: string): (readonly string[])[] {
  const { kinds, common } = adapters[section];
  const options = kinds.find((kind) => kind.type === type)?.options.properties ?? {};
  const all = Object.entries({ ...options, ...common }).map(([name, { schema: part }]) => [name, part]);
  return pathsIn({ properties: Object.fromEntries(all) });
}

describe("secrets stay secret: no problem of the configuration quotes a value", function () {
  this.timeout(60_000);
  const kinds = (["webhooks", "sources", "sinks"] as const).flatMap((section) =>
    adapters[section].kinds.map(({ type }) => ({
      section,
      type,
      valid: { type, ...VALID[section]?.[type] },
    })),
  );

  it("every kind of adapter has a valid configuration in this test", () => {
    assert.deepEqual(Object.keys(adapters).sort(), Object.keys(VALID).sort());
    for (const { section, type, valid } of kinds) {
      assert.ok(VALID[section]?.[type], `${section}: "${type}" has no entry in VALID`);
      assert.equal(shown({ [section]: { a: valid } }), "", `the entry of "${type}" in VALID`);
    }
  });

  for (const { section, type, valid } of kinds)
    it(`${section}: ${type}`, () => {
      const paths = optionsOf(section, type);
      // One adapter per option, all in one configuration.
      for (const value of VALUES) {
        const named = paths.map((at, index) => [`a${index}`, withValue(valid, at, value)]);
        assertSilent({ [section]: Object.fromEntries(named) });
      }
    });

  it("the other sections", () => {
    const paths = properties(schema)
      .filter(([section]) => !(section in adapters))
      .flatMap(([section, part]) => pathsIn(part, [section]));
    // Options of the same depth can be set together: none contains another.
    const depths = [...new Set(paths.map(({ length }) => length))];
    for (const value of VALUES)
      for (const depth of depths) {
        const same = paths.filter(({ length }) => length === depth);
        assertSilent(same.reduce<unknown>((config, at) => withValue(config, at, value), {}));
      }
  });

  it("a value of ${env:} or ${file:} in an option that is not a secret, such as the name of a topic", () => {
    writeFileSync(path.join(folder, "canary"), `${CANARY} !\n`);
    for (const value of ["${env:CANARY} !", "${file:canary}", "__${env:CANARY}", "${env:CANARY}.dead-letter"])
      assertSilent({ webhooks: { a: { type: "github", secrets: ["s"], topic: value } } });
  });
});
