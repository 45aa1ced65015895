// Compiles the `topics` section: schemas and key expressions.

import { compileSchema } from "../core/schemas.ts";
import { type TopicRules, unwritableReason } from "../core/topics.ts";
import type { Compiler } from "./compiler.ts";
import { parseNamedFile } from "./read-file.ts";
import type { Settings } from "./schema.ts";

export function compileTopics(
  topics: Settings["topics"],
  namespace: string,
  compiler: Compiler,
): ReadonlyMap<string, TopicRules> {
  const rules = new Map<string, TopicRules>();
  for (const [name, { schema: file, key, tombstones }] of compiler.entries(topics)) {
    const at = ["topics", name];
    const reserved = unwritableReason(name, namespace);
    if (reserved) compiler.report(at, `${reserved} Remove it from topics`);
    const schema =
      file === undefined
        ? undefined
        : compiler.attempt([...at, "schema"], () => {
            const { document, exact } = parseNamedFile(compiler.folder, file);
            return compileSchema(document, file, exact);
          });
    rules.set(name, { schema, key: compiler.expression([...at, "key"], key), tombstones });
  }
  return rules;
}
