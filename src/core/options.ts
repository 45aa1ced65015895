// The building blocks of the configuration's schema, for its own parts and for those that adapters bring.

/** A part of a JSON Schema. */
export type SchemaPart = Readonly<Record<string, unknown>>;

export const object = (properties: Record<string, SchemaPart>, extra: SchemaPart = {}): SchemaPart => ({
  type: "object",
  additionalProperties: false,
  properties,
  ...extra,
});
export const string = (description: string, extra: SchemaPart = {}): SchemaPart => ({
  type: "string",
  minLength: 1,
  description,
  ...extra,
});
export const duration = (description: string, fallback?: string): SchemaPart =>
  string(`${description} A duration: ms, s, m, h, d.`, {
    format: "duration-onramp",
    ...(fallback ? { default: fallback } : {}),
  });
export const size = (description: string, fallback?: string): SchemaPart =>
  string(`${description} A size: B, kB, MB, GB (powers of 1024).`, {
    format: "size-onramp",
    ...(fallback ? { default: fallback } : {}),
  });
export const port = (description: string, fallback: number): SchemaPart => ({
  type: "integer",
  minimum: 0,
  maximum: 65535,
  default: fallback,
  description,
});
export const file = (description: string): SchemaPart =>
  string(`${description} A path, relative to the configuration file.`);
export const names = (description: string): SchemaPart => ({
  type: "array",
  items: string("A topic, or a pattern with *."),
  description,
});
