// Generated files are up to date, and examples are valid.

import { strict as assert } from "node:assert";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { generated } from "../../scripts/generate.ts";
import { loadTestConfig } from "../support/config.ts";

describe("docs", () => {
  for (const [file, content] of generated) {
    it(`${file} is up to date (npm run generate)`, () => assert.equal(readFileSync(file, "utf8"), content));
  }

  const examples = readdirSync("examples", { recursive: true, encoding: "utf8" });
  for (const name of examples.filter((entry) => entry.endsWith(".yaml"))) {
    it(`examples/${name} is a valid configuration`, () => {
      const env = { GITHUB_WEBHOOK_SECRET: "s", KAFKA_PASSWORD: "p", SLACK_URL: "http://127.0.0.1/" };
      loadTestConfig(path.join("examples", name), env);
    });
  }
});
