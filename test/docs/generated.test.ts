// Generated files are up to date, and examples are valid.

import { strict as assert } from "node:assert";
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { generated } from "../../scripts/generate.ts";
import { loadTestConfig } from "../support/config.ts";

describe("docs", () => {
  for (const [file, content] of generated) {
    it(`${file} is up to date (npm run generate)`, () => assert.equal(readFileSync(file, "utf8"), content));
  }

  const pages = ["README.md", "CONTRIBUTING.md", ...pagesIn("docs"), ...pagesIn("examples")];
  for (const page of pages)
    it(`${page} names only files that exist`, () => {
      const text = readFileSync(page, "utf8");
      // The pages that build an adapter name the files that their reader creates.
      const named = [...text.matchAll(/`((?:src|test|schemas|docs|scripts|bench)\/[\w./-]+?)\/?`/g)]
        .map(([, file = ""]) => file)
        .filter((file) => !/(discord|standard|ticks|x)(\.test)?\.ts$/.test(file));
      const linked = [...text.matchAll(/\]\(([\w./-]+)(?:#[\w-]+)?\)/g)].map(([, file = ""]) =>
        path.join(path.dirname(page), file),
      );
      assert.deepEqual(
        [...named, ...linked].filter((file) => !existsSync(file)),
        [],
      );
    });

  const examples = readdirSync("examples", { recursive: true, encoding: "utf8" });
  for (const name of examples.filter((entry) => entry.endsWith(".yaml"))) {
    it(`examples/${name} is a valid configuration`, () => {
      const env = {
        GITHUB_WEBHOOK_SECRET: "s",
        KAFKA_PASSWORD: "p",
        DATABASE_URL: "postgres://u:p@127.0.0.1/archdemo",
        SLACK_URL: "http://127.0.0.1/",
        ...API_SECRETS,
      };
      loadTestConfig(path.join("examples", name), env);
    });
  }
});

describe("docs: the README", () => {
  it("has a configuration that works when it is copied", () => {
    const [, yaml = ""] = /```yaml\n(.*?)```/s.exec(readFileSync("README.md", "utf8")) ?? [];
    const file = path.join(mkdtempSync(path.join(tmpdir(), "onramp-readme-")), "onramp.yaml");
    writeFileSync(file, yaml);
    const env = { GITHUB_WEBHOOK_SECRET: "s", SLACK_URL: "http://127.0.0.1/" };
    assert.ok(loadTestConfig(file, env).compiled.sinks.has("team"));
  });
});

/** Variables that examples of sources name. */
const API_SECRETS = Object.fromEntries(
  ["ALPHAVANTAGE_KEY", "X_TOKEN", "API_TOKEN", "GITHUB_TOKEN", "JIRA_BASIC"].map((name) => [name, "secret"]),
);

function pagesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => path.join(folder, file));
}
