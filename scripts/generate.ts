// `npm run generate`: writes what is made from the source. A test fails when one of these files is stale.

import { writeFileSync } from "node:fs";
import path from "node:path";
import { adapters } from "../src/app/adapters.ts";
import { configSchema } from "../src/config/schema.ts";
import { errorTable } from "../src/core/errors.ts";

const root = path.join(import.meta.dirname, "..");

/** Each generated file with its content. */
export const generated: ReadonlyMap<string, string> = new Map([
  ["schemas/onramp.json", `${JSON.stringify(configSchema(adapters), null, 2)}\n`],
  ["docs/errors.md", errorsPage()],
]);

function errorsPage(): string {
  const rows = Object.entries(errorTable).map(
    ([code, { status, title, known, next }]) => `| ${code} | ${status} | ${title} | ${known} | ${next} |`,
  );
  return [
    "# Errors",
    "",
    "Every error is `application/problem+json` (RFC 9457) with `error_code`, `message` and `detail`; `errors` names",
    "the records and members at fault. *Known* is what you may rely on: a record that was *not written* is not in the log.",
    "This page is generated from `src/core/errors.ts` by `npm run generate`.",
    "",
    "| `error_code` | HTTP | Title | Known | What to do next |",
    "|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

if (process.argv[1] === import.meta.filename)
  for (const [file, content] of generated) writeFileSync(path.join(root, file), content);
