// YAML that would overflow the stack, exhaust the memory or change the configuration silently is a problem with its place.

import { strict as assert } from "node:assert";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ConfigError } from "../../src/config/problems.ts";
import { loadTestConfig } from "../support/config.ts";
import { bound } from "../support/soak.ts";

const CANARY = "hunter2";

describe("config: hostile YAML", function () {
  this.timeout(30_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "onramp-yaml-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  /** Loads a text as the configuration. @returns the problems */
  function problems(text: string): string {
    const file = path.join(folder, "onramp.yaml");
    writeFileSync(file, text);
    return problemsOf(file);
  }
  /** Loads a text as the schema of a topic. @returns the problems */
  function schemaProblems(text: string): string {
    writeFileSync(path.join(folder, "schema.json"), text);
    const file = path.join(folder, "schema.yaml");
    writeFileSync(file, "topics: { t: { schema: schema.json } }");
    return problemsOf(file);
  }
  function problemsOf(file: string): string {
    const began = performance.now();
    const memory = process.memoryUsage().rss;
    try {
      loadTestConfig(file, {});
      return "";
    } catch (error) {
      assert.ok(error instanceof ConfigError, String(error));
      assert.ok(!error.message.includes(CANARY) && !error.message.includes("    at "), error.message);
      return error.message;
    } finally {
      assert.ok(performance.now() - began < bound(1000));
      assert.ok(process.memoryUsage().rss - memory < bound(200) * 1024 * 1024);
    }
  }
  const laughs = (of: string): string =>
    `a: &a [${Array(9).fill(of)}]\n${[..."bcdefghij"].map((name, at) => `${name}: &${name} [${Array(9).fill(`*${"abcdefghi"[at]}`)}]`).join("\n")}`;

  const cases: readonly (readonly [title: string, text: string, problem: RegExp])[] = [
    [
      "an alias inside the list that it repeats",
      "sinks: &a [*a]",
      /line 1, column 12 \(an alias is inside the value/,
    ],
    [
      "an alias deep inside its mapping",
      "sinks: &s\n  a: { b: [ { c: *s } ] }",
      /line 2, column \d+ \(an alias is inside/,
    ],
    [
      "an alias before its anchor",
      "a: *later\nb: &later 1",
      /line 1, column 4 \(an alias \(\*name\) has no anchor/,
    ],
    ["aliases that expand to 3.5 billion values", laughs(CANARY), /more than 100000 values/],
    [
      "a large list that is repeated often",
      `a: &a [${"1,".repeat(20_000)}]\nb: [${"*a,".repeat(900)}]`,
      /more than 100000 values/,
    ],
    ["thousands of aliases", `a: &a 1\nb: [${"*a,".repeat(2000)}]`, /more than 1000 aliases/],
    ["deep lists", "[".repeat(90_000), /more than 100 levels deep/],
    ["deep lists that are closed", `a: ${"[".repeat(300)}${"]".repeat(300)}`, /more than 100 levels deep/],
    ["deep mappings", "{a: ".repeat(50_000), /more than 100 levels deep/],
    ["deep lists of blocks", "- ".repeat(50_000), /more than 100 levels deep/],
    ["deep keys", "? ".repeat(50_000), /more than 100 levels deep/],
    ["very many values", `a: [${"1,".repeat(200_000)}]`, /more than 100000 YAML tokens/],
    ["very many keys", Array.from({ length: 20_000 }, (_, n) => `k${n}: 1`).join("\n"), /tokens|unknown key/],
    ["very many errors", "}\n".repeat(45_000), /UNEXPECTED_TOKEN\)\n.*more faults/s],
    ["a large file", `a: ${"x".repeat(600 * 1024)}`, /it has more than 524288 bytes/],
    [
      "a duplicate key",
      `kafka: {}\nhttp:\n  port: 1\n  "port": ${CANARY}`,
      /line 4, column 3 \(DUPLICATE_KEY\)/,
    ],
    ["a duplicate key of numbers", "1: a\n1: b", /line 2, column 1 \(DUPLICATE_KEY\)/],
    ["a key that is a list", `? [${CANARY}]\n: 1`, /line 1, column 3 \(a key must be a text\)/],
    ["an unknown tag", `a: !js/function ${CANARY}`, /line 1, column 4 \(TAG_RESOLVE_FAILED\)/],
    ["a tag of YAML 1.1", `a: !!binary ${CANARY}`, /line 1, column 4 \(TAG_RESOLVE_FAILED\)/],
    ["YAML 1.1", `%YAML 1.1\n---\na: &a { b: 1 }\nc: { <<: *a }`, /only YAML 1.2 is supported/],
    ["a merge key", "kafka: &k { brokers: [] }\nhttp: { <<: *k }", /http\.<<: unknown key/],
    ["the key __proto__", "__proto__: { kafka: { brokers: [a] } }", /__proto__: unknown key/],
    ["the key __proto__ of a section", "http: { __proto__: { auth: none } }", /http\.__proto__: unknown key/],
    ["several documents", "a: 1\n---\nb: 2", /line 2, column 1 \(MULTIPLE_DOCS\)/],
    ["NUL bytes", `kafka: \0${CANARY}`, /./],
  ];
  for (const [title, text, problem] of cases) it(title, () => assert.match(problems(text), problem));

  it("a JSON Schema has the same rules, with larger bounds, and its content is not quoted", () => {
    for (const [text, problem] of [
      ["allOf: &a [*a]", /topics\.t\.schema: .* an alias|topics\.t\.schema: .*line 1, column 12/],
      [`{ "type": "object", ${CANARY}`, /topics\.t\.schema: the file is not valid YAML at line 1/],
      [`{ "a": ${CANARY}, "a": 1 }`, /topics\.t\.schema: .*DUPLICATE_KEY/],
      [laughs("1"), /topics\.t\.schema: .*more than 1000000 values/],
    ] as const)
      assert.match(schemaProblems(text), problem);
  });

  it("anchors and aliases that repeat a value are supported", () => {
    const text = "topics: { a: &rules { tombstones: false }, b: *rules }";
    assert.equal(problems(text), "");
  });
});
