// Placeholders for unchanged TOAST values.

/** The text that Debezium writes for a value that PostgreSQL did not send. */
export const PLACEHOLDER = "__debezium_unavailable_value";

/** The JSON of the placeholder as a string. */
export const UNAVAILABLE = `"${PLACEHOLDER}"`;

/** The JSON of the placeholder as bytes. */
export const UNAVAILABLE_BYTES = `"${Buffer.from(PLACEHOLDER).toString("base64")}"`;

const CODES = `[${[...Buffer.from(PLACEHOLDER)].join(",")}]`;

/** The arrays that Debezium does not fill with the placeholder of their element, by the name of the element's type. */
const OF_ARRAYS: Readonly<Record<string, string>> = {
  int4: CODES,
  int8: CODES,
  date: CODES,
  // The UUID of version 3 of the placeholder.
  uuid: '["b68a35a7-17ad-35b3-af2a-ae46edb4545a"]',
};

/** Returns the JSON of the placeholder of an array, from its element's type and placeholder. */
export const unavailableArray = (elementName: string, unavailable: string): string =>
  OF_ARRAYS[elementName] ?? `[${unavailable}]`;
