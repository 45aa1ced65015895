// The bodies that the benchmark sends (an order of 280 bytes, alone, in envelopes and as lines), and the
// schema.

/** The size of one order in bytes. */
export const ORDER_BYTES = 280;

/** One order as JSON of exactly `ORDER_BYTES` bytes. */
export function order(n = 0): string {
  const draft = {
    orderId: `o-${String(n).padStart(10, "0")}`,
    customer: { id: "c-48151623", name: "Zoë Müller", country: "DE" },
    items: [
      { sku: "SKU-000042", quantity: 2, price: 12.5 },
      { sku: "SKU-000108", quantity: 1, price: 99.99 },
    ],
    total: 124.99,
    placedAt: "2026-11-25T10:00:00Z",
    note: "",
  };
  const missing = ORDER_BYTES - Buffer.byteLength(JSON.stringify(draft));
  return JSON.stringify({ ...draft, note: "x".repeat(missing) });
}

/** An envelope in the format of Confluent's REST Proxy v2. */
export function envelope(records: number): string {
  return `{"records":[${Array.from({ length: records }, (_, n) => `{"value":${order(n)}}`).join(",")}]}`;
}

/** Orders as lines of NDJSON. */
export function lines(count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, (_, n) => `${order(n)}\n`).join(""));
}

/** A typical schema for such an order. */
export const orderSchema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  required: ["orderId", "customer", "items", "total"],
  additionalProperties: false,
  properties: {
    orderId: { type: "string", pattern: "^o-[0-9]+$", maxLength: 40 },
    customer: {
      type: "object",
      required: ["id", "name"],
      additionalProperties: false,
      properties: {
        id: { type: "string", maxLength: 40 },
        name: { type: "string", minLength: 1, maxLength: 200 },
        country: { enum: ["DE", "FR", "GB", "US"] },
      },
    },
    items: {
      type: "array",
      minItems: 1,
      items: {
        type: "object",
        required: ["sku", "quantity", "price"],
        additionalProperties: false,
        properties: {
          sku: { type: "string", maxLength: 40 },
          quantity: { type: "integer", minimum: 1 },
          price: { type: "number", minimum: 0 },
        },
      },
    },
    total: { type: "number", minimum: 0 },
    placedAt: { type: "string", format: "date-time" },
    note: { type: "string", maxLength: 1000 },
  },
} as const;
