// What all adapters have in common: a kind of webhook, sink or source is a name, its options, and a function that
// creates one. A family is all kinds of one sort.

import type { Expression } from "./expressions.ts";
import type { ObjectOption, Options, ValuesOf } from "./options.ts";
import type { Log } from "./ports.ts";

/** What an adapter is created with. */
export interface AdapterContext {
  /** The adapter's name in the configuration. */
  readonly name: string;
  /** Compiles the expression of an option. @throws ExpressionError that names the option and the position */
  compile(option: string, source: string): Expression;
  /** Milliseconds since 1970. */
  now(): number;
  /** The folder that paths in the configuration are relative to. */
  readonly folder: string;
  readonly log: Log;
}

/** A kind of adapter. Made by `adapterKind`. */
export interface AdapterKind<Made> {
  /** Its `type` in the configuration. */
  readonly type: string;
  /** Its own options, without `type` and those that the family adds. */
  readonly options: ObjectOption<Options>;
  /**
   * Creates an adapter. Called once per configured adapter, when the configuration is loaded.
   *
   * @param options valid by their schema, with defaults
   * @throws Error for a mistake that the schema does not show, AggregateError for several (see `requireAll`): reported
   *   with the other problems of the configuration
   */
  create(options: Readonly<Record<string, unknown>>, context: AdapterContext): Made;
}

/** Declares a kind of adapter; `create` receives its options with their types. */
export function adapterKind<Made, P extends Options>(kind: {
  readonly type: string;
  readonly options: ObjectOption<P>;
  create(options: ValuesOf<P>, context: AdapterContext): Made;
}): AdapterKind<Made> {
  return kind as unknown as AdapterKind<Made>;
}

/** Makes several checks, so that every mistake is reported at once. @throws AggregateError of what the checks threw */
export function requireAll(...checks: readonly (() => unknown)[]): void {
  const errors: unknown[] = [];
  for (const check of checks) {
    try {
      check();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw new AggregateError(errors);
}

/** All kinds of one sort of adapter, and what each of them has. */
export interface AdapterFamily<Made, Common extends Options = Options> {
  readonly kinds: readonly AdapterKind<Made>[];
  /** Options that every adapter of the family has. */
  readonly common: Common;
  /** Describes the section of the configuration. */
  readonly description: string;
  /** The regular expression that the adapters' names must match; undefined for any name. */
  readonly names?: string;
}

/** The configuration of one adapter of a family. */
export type AdapterSettings<Common extends Options> = { readonly type: string } & ValuesOf<Common> &
  Readonly<Record<string, unknown>>;
