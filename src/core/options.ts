// Declares the options of the configuration. One declaration gives an option's JSON Schema, its TypeScript
// type, its default, and the environment variable that overrides it. Used by `config/` and by adapters.

import type { Duration, Size } from "./units.ts";

/** A part of a JSON Schema. */
export type SchemaPart = Readonly<Record<string, unknown>>;

/** The rule of the names in a map. */
export interface NameRule {
  /** The regular expression that each name must match. */
  readonly pattern: string;
  /** The rule in words, for errors: "1 to 100 letters". */
  readonly description: string;
}

declare const carried: unique symbol;

/**
 * An option with values of type `T`. `Present` is true when it always has a value: it is required or has a
 * default.
 */
export interface Option<T, Present extends boolean = boolean> {
  readonly schema: SchemaPart;
  readonly required: boolean;
  /** The environment variable that overrides the option. */
  readonly env: string | undefined;
  readonly [carried]?: { readonly value: T; readonly present: Present };
}

/** Options by name. */
export type Options = Readonly<Record<string, Option<unknown>>>;

/** An object of options. */
export interface ObjectOption<P extends Options, Present extends boolean = boolean>
  extends Option<ValuesOf<P>, Present> {
  readonly properties: P;
}

/** The TypeScript type of an option's value. */
export type ValueOf<O> = O extends Option<infer T> ? T : never;

/** The TypeScript type of an object of options. */
export type ValuesOf<P extends Options> = {
  readonly [K in keyof P as P[K] extends Option<unknown, true> ? K : never]: ValueOf<P[K]>;
} & {
  readonly [K in keyof P as P[K] extends Option<unknown, true> ? never : K]?: ValueOf<P[K]>;
};

/** The properties that every option may have besides its description. */
interface Extra<T> {
  readonly default?: T;
  readonly required?: true;
  /** The environment variable that overrides the option. */
  readonly env?: string;
}
type Presence<E> = E extends { readonly default: unknown } | { readonly required: true } ? true : false;

/** The further properties of an option that has only a description. */
const NONE = {} as const;

/** An option that is not required and that no environment variable overrides. */
const OPTIONAL = { required: false, env: undefined } as const;

function option<T, E extends Extra<unknown>>(
  schema: SchemaPart,
  description: string,
  extra: E | undefined,
): Option<T, Presence<E>> {
  const { required, env, ...rest }: Extra<unknown> = extra ?? NONE;
  const text = env === undefined ? description : `${description} Environment variable: ${env}.`;
  return { schema: { ...schema, description: text, ...rest }, required: required === true, env };
}

/** A string, by default of at least one character. @param extra `pattern` is a regular expression */
export const string = <
  const E extends Extra<string> & { readonly pattern?: string; readonly minLength?: number } = typeof NONE,
>(
  description: string,
  extra?: E,
): Option<string, Presence<E>> => option({ type: "string", minLength: 1 }, description, extra);

/** Declares a string of a format that `config/validate.ts` checks when the configuration is loaded. */
const formatted =
  <T extends string>(format: string, suffix = "") =>
  <const E extends Extra<string> & { readonly minLength?: number } = typeof NONE>(
    description: string,
    extra?: E,
  ): Option<T, Presence<E>> =>
    option({ type: "string", minLength: 1, format }, description + suffix, extra);

/** A secret, such as a password: any text that is not only whitespace. */
export const secret = formatted<string>("secret-onramp");

/** A secret that is sent in a header or to a broker as a Bearer token. Line ends and other characters that a header cannot contain are refused. */
export const token = formatted<string>("token-onramp");

/** A duration such as "30s". `ms` of `core/units.ts` converts its value to milliseconds. */
export const duration = formatted<Duration>("duration-onramp", " A duration with a unit: ms, s, m, h, d.");

/** A size such as "10MB". `bytes` of `core/units.ts` converts its value to bytes. */
export const size = formatted<Size>("size-onramp", " A size with a unit: B, kB, MB, GB (powers of 1024).");

/** The path of a file that must be readable. */
export const file = formatted<string>("file-onramp", " A path, relative to the configuration file.");

/** An http or https URL. A user and password are refused, because logs and states show the URL. */
export const url = <const E extends Extra<string> = typeof NONE>(description: string, extra?: E) =>
  formatted<string>("url-onramp")(description, { pattern: "^https?://", ...(extra ?? (NONE as E)) });

/** A JSONata expression. An adapter compiles it with `compile` of its context. */
export const expression = formatted<string>("jsonata-onramp");

export const boolean = <const E extends Extra<boolean> = typeof NONE>(
  description: string,
  extra?: E,
): Option<boolean, Presence<E>> => option({ type: "boolean" }, description, extra);

/** A number. @param extra `minimum` and the other bounds are keywords of JSON Schema */
export const number = <
  const E extends Extra<number> & {
    readonly type?: "integer";
    readonly minimum?: number;
    readonly exclusiveMinimum?: number;
    readonly maximum?: number;
  } = typeof NONE,
>(
  description: string,
  extra?: E,
): Option<number, Presence<E>> => option({ type: "number" }, description, extra);

/** A port number; 0 selects any free port. */
export const port = <const E extends Extra<number> = typeof NONE>(
  description: string,
  extra?: E,
): Option<number, Presence<E>> => option({ type: "integer", minimum: 0, maximum: 65535 }, description, extra);

/** One of several words. */
export const oneOf = <const W extends string, const E extends Extra<W> = typeof NONE>(
  words: readonly W[],
  description: string,
  extra?: E,
): Option<W, Presence<E>> => option({ enum: words }, description, extra);

/** A list. @param extra `minItems` and `uniqueItems` are keywords of JSON Schema */
export const list = <
  T,
  const E extends Extra<readonly T[]> & {
    readonly minItems?: number;
    readonly uniqueItems?: true;
  } = typeof NONE,
>(
  item: Option<T>,
  description: string,
  extra?: E,
): Option<readonly T[], Presence<E>> => option({ type: "array", items: item.schema }, description, extra);

/**
 * Values by name.
 *
 * @param names the rule of the names; by default, any name is valid
 */
export const map = <T, const E extends Extra<Readonly<Record<string, T>>> = typeof NONE>(
  value: Option<T>,
  description: string,
  extra?: E,
  names?: NameRule,
): Option<Readonly<Record<string, T>>, Presence<E>> =>
  option(
    {
      type: "object",
      additionalProperties: value.schema,
      ...(names === undefined ? {} : { propertyNames: names }),
    },
    description,
    extra,
  );

/**
 * An object of options; unknown members are rejected.
 *
 * @param schema further keywords, such as `description`
 */
export function object<P extends Options>(properties: P, schema: SchemaPart = {}): ObjectOption<P, false> {
  const entries = Object.entries(properties);
  const required = entries.filter(([, { required }]) => required).map(([name]) => name);
  return {
    ...OPTIONAL,
    properties,
    schema: {
      type: "object",
      additionalProperties: false,
      ...(required.length > 0 ? { required } : {}),
      properties: Object.fromEntries(entries.map(([name, { schema: part }]) => [name, part])),
      ...schema,
    },
  };
}

/** An object of options whose defaults apply even when the configuration does not contain the object. */
export function section<P extends Options>(properties: P, description?: string): ObjectOption<P, true> {
  const described = description === undefined ? {} : { description };
  return object(properties, { ...described, default: {} }) as ObjectOption<P> as ObjectOption<P, true>;
}

/** A value of one of several shapes. */
export function either<const A extends readonly Option<unknown>[]>(
  shapes: A,
  description: string,
): Option<ValueOf<A[number]>, false> {
  return { ...OPTIONAL, schema: { description, oneOf: shapes.map(({ schema }) => schema) } };
}

/** One fixed value, as a shape of `either`. */
export const literal = <const T extends string | boolean>(value: T): Option<T, true> => ({
  ...OPTIONAL,
  schema: { const: value },
});

/** An object of one of several shapes; the member `tag` selects the shape. */
export function variant<const A extends readonly ObjectOption<Options>[]>(
  tag: string,
  shapes: A,
  description: string,
): Option<ValueOf<A[number]>, false> {
  const discriminator = { propertyName: tag };
  const parts = shapes.map(({ schema }) => schema);
  const schema = { description, type: "object", required: [tag], discriminator, oneOf: parts };
  return { ...OPTIONAL, schema };
}

/** A list of topic names, and of patterns with `*`. */
export const topicPatterns = (description: string): Option<readonly string[], false> =>
  list(string("A topic name, or a pattern with *."), description);
