// Selects tables and columns by the options `tables` and `columns`.

/** Compiled names and patterns. In a pattern, `*` is any text; with `!` before it, the pattern excludes what it matches. */
export class NameFilter {
  readonly #rules: readonly { readonly isExcluded: boolean; readonly pattern: RegExp }[];
  readonly #isDefault: boolean;

  /** @param isDefault whether names are selected that no rule matches */
  constructor(rules: readonly string[], isDefault: boolean) {
    this.#isDefault = isDefault;
    this.#rules = rules.map((rule) => {
      const isExcluded = rule.startsWith("!");
      return { isExcluded, pattern: patternOf(isExcluded ? rule.slice(1) : rule) };
    });
  }

  /** The last rule that matches decides. */
  matches(name: string): boolean {
    return this.#rules.reduce(
      (selected, { isExcluded, pattern }) => (pattern.test(name) ? !isExcluded : selected),
      this.#isDefault,
    );
  }
}

/** Whether a rule is the name of one table. */
export const isName = (rule: string): boolean => !rule.includes("*") && !rule.startsWith("!");

const patternOf = (rule: string): RegExp =>
  new RegExp(`^${rule.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll("\\*", ".*")}$`, "s");

/** The topic of a table. Characters that Kafka does not allow become `_`, as Debezium does it. */
export const topicOf = (prefix: string, schema: string, name: string): string =>
  `${prefix}.${schema}.${name}`.replaceAll(/[^a-zA-Z0-9._-]/g, "_");
