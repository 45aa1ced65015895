// docs/events.md has the code for browsers that the tests of EventSources run.

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";

describe("docs: events", () => {
  it("docs/events.md quotes examples/events/browser.js", () => {
    const example = readFileSync("examples/events/browser.js", "utf8");
    const code = example.slice(example.indexOf("const TYPES"));
    assert.ok(readFileSync("docs/events.md", "utf8").includes(`\`\`\`js\n${code}\`\`\``));
  });
});
