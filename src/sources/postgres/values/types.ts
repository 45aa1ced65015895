// The types of PostgreSQL, the schemas of Kafka Connect, and what converts values between them.

/** A type of PostgreSQL, as the catalog describes it. */
export interface PgType {
  readonly oid: number;
  /** `pg_type.typname`, such as `int4`, `_int4` or `hstore`. */
  readonly name: string;
  readonly kind: "base" | "composite" | "domain" | "enum" | "range" | "multirange" | "pseudo";
  /** The element of an array type (typcategory `A`), also of `int2vector` and `oidvector`. */
  readonly element?: PgType;
  /** `typdelim` of the element: a comma, or a semicolon for `box`. */
  readonly delimiter?: string;
  /** The base type of a domain. */
  readonly base?: PgType;
  /** `typtypmod` of a domain. */
  readonly baseModifier?: number;
  /** The labels of an enum, in their order. */
  readonly labels?: readonly string[];
}

/** A Kafka Connect schema as JsonConverter writes it, without `optional`, `field` and `default`. */
export interface ConnectSchema {
  readonly type: string;
  readonly name?: string;
  readonly version?: number;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly doc?: string;
  readonly items?: ConnectSchema & { readonly optional?: boolean };
  readonly fields?: readonly (ConnectSchema & { readonly optional: boolean; readonly field: string })[];
  readonly keys?: ConnectSchema & { readonly optional: boolean };
  readonly values?: ConnectSchema & { readonly optional: boolean };
}

/** Converts the values of one type. */
export interface ValueCodec {
  readonly schema: ConnectSchema;
  /** Returns the JSON of a value. Never throws for a text that PostgreSQL writes. */
  json(text: string): string;
  /** The JSON that stands for an unchanged TOAST value, which PostgreSQL does not send. */
  readonly unavailable: string;
}
