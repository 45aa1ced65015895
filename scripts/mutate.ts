// `npm run mutate`: runs mutation tests, one area after the other; `-- wire http` selects areas. At the end it prints the
// share of mutants that the tests killed, per area. All areas together take about an hour.

import { readdirSync } from "node:fs";
import { Stryker } from "@stryker-mutator/core";

interface Area {
  /** Globs of the sources to mutate. */
  readonly mutate: string;
  /** Files, or folders of files, whose tests run in this process. */
  readonly tests: readonly string[];
}

const areas: Readonly<Record<string, Area>> = {
  wire: { mutate: "src/wire/**/*.ts", tests: ["test/wire", "test/dev-broker"] },
  core: { mutate: "src/core/**/*.ts", tests: ["test/core"] },
  runners: { mutate: "src/runners/**/*.ts", tests: ["test/runners"] },
  webhooks: { mutate: "src/webhooks/**/*.ts", tests: ["test/webhooks"] },
  produce: { mutate: "src/kafka/produce/**/*.ts", tests: ["test/kafka/produce"] },
  http: { mutate: "src/http/**/*.ts", tests: ["test/http"] },
};

const words = process.argv.slice(2);
const named = words.filter((word) => !word.startsWith("--"));
const scores: string[] = [];
// Stryker's processes must load TypeScript, because the test runner and the tests are written in it.
process.env["NODE_OPTIONS"] = "--import ts-blank-space/register";
for (const name of named.length > 0 ? named : Object.keys(areas)) {
  const area = areas[name];
  if (!area) throw new Error(`there is no area "${name}"; the areas are ${Object.keys(areas).join(", ")}`);
  console.log(`# ${name}`);
  const results = await new Stryker({
    mutate: [area.mutate],
    testFiles: area.tests.flatMap(testsIn),
    dryRunOnly: words.includes("--dry"),
    tempDirName: `.stryker-tmp/${name}`,
  }).runMutationTest();
  const count = (...statuses: string[]): number =>
    results.filter(({ status }) => statuses.includes(status)).length;
  const killed = count("Killed", "Timeout");
  const all = killed + count("Survived", "NoCoverage");
  scores.push(`${name}: ${killed} of ${all} mutants killed (${((killed / all) * 100).toFixed(1)} %)`);
}
console.log(scores.join("\n"));

function testsIn(path: string): string[] {
  if (path.endsWith(".ts")) return [path];
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => `${path}/${file}`);
}
