// Selects tables and columns by the options `tables` and `columns`.

import { compileGlob } from "../../core/glob.ts";

/** Compiled names and patterns. In a pattern, `*` is any text; with `!` before it, the pattern excludes what it matches. */
export class NameFilter {
  readonly #rules: readonly { readonly isExcluded: boolean; readonly matches: (name: string) => boolean }[];
  readonly #isDefault: boolean;

  /** @param isDefault whether names are selected that no rule matches */
  constructor(rules: readonly string[], isDefault: boolean) {
    this.#isDefault = isDefault;
    this.#rules = rules.map((rule) => {
      const isExcluded = rule.startsWith("!");
      return { isExcluded, matches: compileGlob(isExcluded ? rule.slice(1) : rule) };
    });
  }

  /** The last rule that matches decides. */
  matches(name: string): boolean {
    return this.selects(name, undefined);
  }

  /** As `matches`. If no rule matches the name of a partition, the name of its root decides. */
  selects(name: string, root: string | undefined): boolean {
    return this.#decision(name) ?? (root === undefined ? undefined : this.#decision(root)) ?? this.#isDefault;
  }

  #decision(name: string): boolean | undefined {
    const rule = this.#rules.findLast(({ matches }) => matches(name));
    return rule && !rule.isExcluded;
  }
}

/** Whether a rule is the name of one table. */
export const isName = (rule: string): boolean => !rule.includes("*") && !rule.startsWith("!");

/** The topic of a table. Characters that Kafka does not allow become `_`, as Debezium does it. */
export const topicOf = (prefix: string, schema: string, name: string): string =>
  `${prefix}.${schema}.${name}`.replaceAll(/[^a-zA-Z0-9._-]/g, "_");

/** Returns the names of two tables that have the same topic; undefined when there are none. */
export function sameTopic(
  tables: readonly { readonly schema: string; readonly name: string }[],
): readonly [string, string] | undefined {
  const byTopic = new Map<string, string>();
  for (const { schema, name } of tables) {
    const [topic, table] = [topicOf("", schema, name), `${schema}.${name}`];
    const other = byTopic.get(topic);
    if (other !== undefined && other !== table) return [other, table];
    byTopic.set(topic, table);
  }
  return undefined;
}
