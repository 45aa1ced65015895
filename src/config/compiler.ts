// The functions that all compile steps share. A step reports every problem and continues, even if the
// configuration violates its schema.

import type { AdapterContext, AdapterFamily, AdapterSettings } from "../core/adapter.ts";
import { messageOf } from "../core/errors.ts";
import { compileExpression, type Expression, ExpressionError } from "../core/expressions.ts";
import type { Options } from "../core/options.ts";
import type { Log } from "../core/ports.ts";
import type { Clock } from "../core/time.ts";
import { isTopicName } from "../core/topics.ts";
import type { Problem } from "./problems.ts";

/** The clock, the log and the callback that compiled parts use while the process runs. */
export interface CompileHooks {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** See `Clock.sleep`. */
  readonly sleep: Clock["sleep"];
  readonly log: Log;
  /** Called after a slow evaluation of an expression, with its path in the configuration. */
  readonly onSlow: (place: string, ms: number) => void;
}

/** The names of nested members that lead to an option. A name may contain a dot. */
export type OptionPath = readonly string[];

/** Compiles parts of the configuration and collects their problems. */
export class Compiler {
  readonly folder: string;
  readonly #namespace: string;
  readonly problems: Problem[] = [];
  readonly #hooks: CompileHooks;
  readonly #broken: readonly OptionPath[];
  /** See `AdapterContext.shared`. */
  readonly #shared = new Map<string, unknown>();

  /**
   * @param broken the paths at which the schema is violated: options at, above or below them are not compiled
   */
  constructor(
    hooks: CompileHooks & { readonly folder: string; readonly namespace: string },
    broken: readonly OptionPath[],
  ) {
    this.folder = hooks.folder;
    this.#namespace = hooks.namespace;
    this.#hooks = hooks;
    this.#broken = broken;
  }

  /** @returns the members of a section that are objects; `validate` has reported the others */
  entries<T>(section: Readonly<Record<string, T>>): [name: string, value: T][] {
    const isObject = (value: unknown): boolean =>
      typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject(section) ? Object.entries(section).filter(([, value]) => isObject(value)) : [];
  }

  /** Adds a problem at a path. */
  report(at: OptionPath, message: string): void {
    this.problems.push({ path: at.join("."), message });
  }

  /**
   * Runs `work` and reports its errors at a path.
   *
   * @returns undefined when it fails, or when the schema is violated at the path, above it or below it
   */
  attempt<T>(at: OptionPath, work: () => T): T | undefined {
    const sound = !this.#broken.some((path) => isWithin(path, at) || isWithin(at, path));
    return sound ? this.#run(at, work) : undefined;
  }

  expression(at: OptionPath, source: string | undefined): Expression | undefined {
    return source === undefined ? undefined : this.attempt(at, () => this.#compile(at, source));
  }

  /**
   * Creates one adapter of a family. An option that violates the schema is replaced by its default, so that the adapter's
   * own checks are made in the same round.
   *
   * @returns undefined when it cannot be created
   */
  create<Made, Common extends Options>(
    family: AdapterFamily<Made, Common>,
    at: OptionPath,
    settings: AdapterSettings<Common>,
  ): Made | undefined {
    const kind = family.kinds.find(({ type }) => type === settings.type);
    if (!kind) return undefined;
    const usable: Record<string, unknown> = { ...settings };
    const reported: string[] = [];
    for (const path of this.#broken.filter((each) => isWithin(each, at))) {
      const name = path[at.length] ?? "";
      const option = { ...kind.options.properties, ...family.common }[name];
      if (option?.schema["default"] !== undefined) usable[name] = option.schema["default"];
      // An expression that is not valid stays: without it, the adapter would report that it is missing.
      else if (option && !option.required && typeof usable[name] === "string") reported.push(name);
      else return undefined;
    }
    return this.#run(
      at,
      () => kind.create(usable, this.#contextOf(at)),
      (message) => reported.some((name) => message.startsWith(`${name}: `)),
    );
  }

  /** Reports a topic whose name is not valid, or for which `reasonAgainst` returns a reason. Does not quote the name. */
  checkTopic(at: OptionPath, topic: unknown, reasonAgainst: (topic: string) => string | undefined): void {
    if (typeof topic !== "string" || topic === "") return;
    const reason = isTopicName(topic)
      ? reasonAgainst(topic)?.replace(`"${topic}"`, "the topic")
      : 'the topic name is not valid; a valid name has 1 to 249 letters, digits, dots, underscores or hyphens, and is not "." or "..".';
    if (reason) this.report(at, `${reason} Choose another topic`);
  }

  /** @param isKnown whether a problem with this message has been reported already */
  #run<T>(at: OptionPath, work: () => T, isKnown = (_message: string): boolean => false): T | undefined {
    try {
      return work();
    } catch (error) {
      const errors = error instanceof AggregateError ? error.errors : [error];
      for (const each of errors) if (!isKnown(messageOf(each))) this.report(at, messageOf(each));
      return undefined;
    }
  }

  #contextOf(at: OptionPath): AdapterContext {
    const { now, sleep, log } = this.#hooks;
    const compile = (option: string, source: string): Expression => {
      try {
        return this.#compile([...at, option], source);
      } catch (error) {
        throw new ExpressionError(`${option}: ${messageOf(error)}`, { cause: error });
      }
    };
    const shared = <T>(key: string, create: () => T): T => {
      if (!this.#shared.has(key)) this.#shared.set(key, create());
      return this.#shared.get(key) as T;
    };
    const [name, namespace] = [at.at(-1) ?? "", this.#namespace];
    return { name, namespace, compile, now, sleep, shared, folder: this.folder, log };
  }

  #compile(at: OptionPath, source: string): Expression {
    return compileExpression(source, (took) => this.#hooks.onSlow(at.join("."), took));
  }
}

/** Whether a path is the other one, or below it. */
const isWithin = (path: OptionPath, other: OptionPath): boolean =>
  other.every((name, index) => path[index] === name);
