// What the compile steps share: they report every problem and continue, also where the schema has found some.

import type { AdapterContext, AdapterFamily } from "../core/adapter.ts";
import { messageOf } from "../core/errors.ts";
import { compileExpression, type Expression, ExpressionError } from "../core/expressions.ts";
import type { Log } from "../core/ports.ts";
import { isTopicName } from "../wire/topic-name.ts";
import type { Problem } from "./problems.ts";

/** What compiled parts use while the process runs. */
export interface CompileHooks {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Log;
  /** Called when an expression took long to evaluate, with its path in the configuration. */
  readonly onSlow: (place: string, ms: number) => void;
}

/** Compiles parts of the configuration and collects their problems. */
export class Compiler {
  readonly folder: string;
  readonly problems: Problem[] = [];
  readonly #hooks: CompileHooks;
  readonly #broken: readonly string[];

  /** @param broken paths at which the schema is violated: what is at or below them is not compiled */
  constructor(hooks: CompileHooks & { readonly folder: string }, broken: readonly string[]) {
    this.folder = hooks.folder;
    this.#hooks = hooks;
    this.#broken = broken;
  }

  /** The members of a section; those that the schema refuses altogether are left out. */
  entries<T>(section: Readonly<Record<string, T>>): [name: string, value: T][] {
    const isObject = (value: unknown): boolean =>
      typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject(section) ? Object.entries(section).filter(([, value]) => isObject(value)) : [];
  }

  /** Whether the schema finds no problem at the path or below it. */
  isSound(at: string): boolean {
    return !this.#broken.some(
      (path) => path === at || path.startsWith(`${at}.`) || at.startsWith(`${path}.`),
    );
  }

  /** Does work at a path. @returns undefined when it fails, or the path is not sound */
  attempt<T>(at: string, work: () => T): T | undefined {
    if (!this.isSound(at)) return undefined;
    try {
      return work();
    } catch (error) {
      const errors = error instanceof AggregateError ? error.errors : [error];
      this.problems.push(...errors.map((each) => ({ path: at, message: messageOf(each) })));
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

  /** Reports a topic that Kafka does not accept, or that is not for this use. @param reasonAgainst why it is not */
  checkTopic(at: string, topic: unknown, reasonAgainst: (topic: string) => string | undefined): void {
    if (typeof topic !== "string" || topic === "") return;
    const reason = isTopicName(topic)
      ? reasonAgainst(topic)
      : `"${topic}" is not a name that a Kafka topic can have.`;
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
