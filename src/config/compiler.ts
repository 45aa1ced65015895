// The functions that all compile steps share. A step reports every problem and continues, even if the
// configuration violates its schema.

import type { AdapterContext, AdapterFamily } from "../core/adapter.ts";
import { messageOf } from "../core/errors.ts";
import { compileExpression, type Expression, ExpressionError } from "../core/expressions.ts";
import type { Log } from "../core/ports.ts";
import { isTopicName } from "../wire/topic-name.ts";
import type { Problem } from "./problems.ts";

/** The clock, the log and the callback that compiled parts use while the process runs. */
export interface CompileHooks {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Log;
  /** Called after a slow evaluation of an expression, with its path in the configuration. */
  readonly onSlow: (place: string, ms: number) => void;
}

/** Compiles parts of the configuration and collects their problems. */
export class Compiler {
  readonly folder: string;
  readonly problems: Problem[] = [];
  readonly #hooks: CompileHooks;
  readonly #broken: readonly string[];

  /**
   * @param broken the paths at which the schema is violated: options at, above or below them are not compiled
   */
  constructor(hooks: CompileHooks & { readonly folder: string }, broken: readonly string[]) {
    this.folder = hooks.folder;
    this.#hooks = hooks;
    this.#broken = broken;
  }

  /** @returns the members of a section that are objects; `validate` has reported the others */
  entries<T>(section: Readonly<Record<string, T>>): [name: string, value: T][] {
    const isObject = (value: unknown): boolean =>
      typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject(section) ? Object.entries(section).filter(([, value]) => isObject(value)) : [];
  }

  /** @returns true when there is no violation of the schema at the path, above it or below it */
  isSound(at: string): boolean {
    return !this.#broken.some(
      (path) => path === at || path.startsWith(`${at}.`) || at.startsWith(`${path}.`),
    );
  }

  /**
   * Runs `work` and reports its errors at a path.
   *
   * @returns undefined when it fails, or the path is not sound
   */
  attempt<T>(at: string, work: () => T): T | undefined {
    if (!this.isSound(at)) return undefined;
    try {
      return work();
    } catch (error) {
      const errors = error instanceof AggregateError ? error.errors : [error];
      this.problems.push(...errors.map((found) => ({ path: at, message: messageOf(found) })));
      return undefined;
    }
  }

  expression(at: string, source: string | undefined): Expression | undefined {
    return source === undefined ? undefined : this.attempt(at, () => this.#compile(at, source));
  }

  /** Creates one adapter of a family. */
  create<Made>(
    family: AdapterFamily<Made>,
    at: string,
    name: string,
    options: { readonly type: string },
  ): Made | undefined {
    const kind = family.kinds.find(({ type }) => type === options.type);
    return kind && this.attempt(at, () => kind.create(options, this.#contextOf(at, name)));
  }

  /** Reports a topic whose name is not valid, or for which `reasonAgainst` returns a reason. */
  checkTopic(at: string, topic: unknown, reasonAgainst: (topic: string) => string | undefined): void {
    if (typeof topic !== "string" || topic === "") return;
    const reason = isTopicName(topic)
      ? reasonAgainst(topic)
      : `"${topic}" is not a valid name of a Kafka topic.`;
    if (reason) this.problems.push({ path: at, message: `${reason} Choose another topic` });
  }

  #contextOf(at: string, name: string): AdapterContext {
    const { now, log } = this.#hooks;
    const compile = (option: string, source: string): Expression => {
      try {
        return this.#compile(`${at}.${option}`, source);
      } catch (error) {
        throw new ExpressionError(`${option}: ${messageOf(error)}`, { cause: error });
      }
    };
    return { name, compile, now, folder: this.folder, log };
  }

  #compile(place: string, source: string): Expression {
    return compileExpression(source, (took) => this.#hooks.onSlow(place, took));
  }
}
