// The contract that all adapters share. A kind of webhook, sink or source consists of a name, its options,
// and a function that creates an adapter. The kinds of sinks form one family; the kinds of webhooks form
// another.

import type { Expression } from "./expressions.ts";
import type { NameRule, ObjectOption, Options, ValuesOf } from "./options.ts";
import type { Log } from "./ports.ts";

/** The context in which an adapter is created. */
export interface AdapterContext {
  /** The adapter's name in the configuration. */
  readonly name: string;
  /** The option kafka.namespace, which separates installations that share systems. */
  readonly namespace: string;
  /** Compiles the expression of an option. @throws ExpressionError that names the option and the position */
  compile(option: string, source: string): Expression;
  /** Milliseconds since 1970. */
  now(): number;
  /** Waits. @param ms milliseconds @throws the signal's reason when the signal is aborted first */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /**
   * Returns an object that the adapters of this configuration share.
   *
   * @param create creates it, at the first call with this key
   */
  shared<T>(key: string, create: () => T): T;
  /** The folder that paths in the configuration are relative to. */
  readonly folder: string;
  readonly log: Log;
}

/** A kind of adapter. Created by `adapterKind`. */
export interface AdapterKind<Made> {
  /** The `type` of its adapters in the configuration. */
  readonly type: string;
  /** The options of this kind, without `type` and without the options that the family adds. */
  readonly options: ObjectOption<Options>;
  /** Defaults of this kind for options that the family adds. */
  readonly defaults?: Readonly<Record<string, unknown>>;
  /**
   * Creates an adapter. Called once per configured adapter, when the configuration is loaded.
   *
   * @param options the options, validated by their schema, with defaults
   * @throws Error for a mistake that the schema cannot detect, AggregateError for several (see `requireAll`):
   *   the caller reports them together with the other problems of the configuration
   */
  create(options: Readonly<Record<string, unknown>>, context: AdapterContext): Made;
}

/** Replaces defaults of options. */
export const withDefaults = (options: Options, defaults: Readonly<Record<string, unknown>> = {}): Options =>
  Object.fromEntries(
    Object.entries(options).map(([name, option]) =>
      name in defaults
        ? [name, { ...option, schema: { ...option.schema, default: defaults[name] } }]
        : [name, option],
    ),
  );

/** Declares a kind of adapter; `create` receives its options with their types. */
export function adapterKind<Made, P extends Options>(kind: {
  readonly type: string;
  readonly options: ObjectOption<P>;
  readonly defaults?: Readonly<Record<string, unknown>>;
  create(options: ValuesOf<P>, context: AdapterContext): Made;
}): AdapterKind<Made> {
  return kind as unknown as AdapterKind<Made>;
}

/**
 * Runs all checks, so that all mistakes are reported at once.
 *
 * @returns the results of the checks
 * @throws AggregateError with the errors of the checks
 */
export function requireAll<const C extends readonly (() => unknown)[]>(
  ...checks: C
): { readonly [K in keyof C]: ReturnType<C[K]> } {
  const errors: unknown[] = [];
  const results = checks.map((check) => {
    try {
      return check();
    } catch (error) {
      return void errors.push(error);
    }
  });
  if (errors.length > 0) throw new AggregateError(errors);
  return results as { readonly [K in keyof C]: ReturnType<C[K]> };
}

/** A topic that an adapter reads or writes. It is checked at the start (see `app/topic-keeper.ts`). */
export interface TopicUse {
  readonly topic: string;
  readonly access: "read" | "write";
  /** Whether the adapter also writes `<topic>.dead-letter`. */
  readonly deadLetters: boolean;
  /** The option that contains the topic name; problems are reported at its path. */
  readonly option?: string;
}

/** All kinds of one family of adapters, and the options that they share. */
export interface AdapterFamily<Made, Common extends Options = Options> {
  readonly kinds: readonly AdapterKind<Made>[];
  /** Options that every adapter of the family has. */
  readonly common: Common;
  /** The description of the family's section in the configuration. */
  readonly description: string;
  /** The rule of the adapters' names; undefined for any name. */
  readonly names?: NameRule;
  /**
   * Returns the topics of an adapter.
   *
   * @param settings its options, which may violate the schema
   * @param adapter undefined when it could not be created
   */
  topicsOf(settings: AdapterSettings<Common>, adapter: Made | undefined): readonly TopicUse[];
}

/** The configuration of one adapter of a family. */
export type AdapterSettings<Common extends Options> = { readonly type: string } & ValuesOf<Common> &
  Readonly<Record<string, unknown>>;
