// The source kind `sample`: one generated order per interval, for first steps and demonstrations.

import { adapterKind } from "../core/adapter.ts";
import { duration, object, string } from "../core/options.ts";
import { type Batch, invalidCursor, type Source } from "../core/source.ts";
import { ms } from "../core/units.ts";

/** The number of orders that were generated. */
interface Cursor {
  readonly orders: number;
}

const PRODUCTS: readonly (readonly [name: string, price: number])[] = [
  ["espresso cup", 9.5],
  ["teapot", 34],
  ["filter papers", 4.25],
  ["coffee grinder", 89.9],
  ["kettle", 59],
];
const CUSTOMERS = ["Ada", "Grace", "Edsger", "Barbara", "Donald", "Radia"] as const;
const CITIES = ["London", "New York", "Rotterdam", "Boston", "Milwaukee", "Portsmouth"] as const;

export const sample = adapterKind({
  type: "sample",
  options: object({
    topic: string("The topic of the orders.", { default: "sample.orders" }),
    interval: duration("The time from one order to the next.", { default: "1s" }),
  }),
  create({ topic, interval }, { name, now, sleep }): Source<Cursor> {
    const every = ms(interval);
    return {
      topics: [topic],
      async *run(cursor, signal, report): AsyncGenerator<Batch<Cursor>> {
        if (cursor !== undefined && !Number.isSafeInteger(cursor?.orders)) throw invalidCursor(name);
        for (let orders = (cursor?.orders ?? 0) + 1; ; orders++) {
          const order = orderOf(orders, now());
          const value = Buffer.from(JSON.stringify(order));
          yield { drafts: [{ topic, key: Buffer.from(order.orderId), value }], cursor: { orders } };
          report({ nextRunAt: now() + every });
          await sleep(every, signal);
        }
      },
    };
  },
});

/** A plausible order. Orders with the same number differ only in their time. */
function orderOf(number: number, now: number) {
  const [product, price] = pick(PRODUCTS, number * 7);
  const quantity = 1 + ((number * 5) % 3);
  return {
    orderId: `sample-${number}`,
    customer: { name: pick(CUSTOMERS, number * 11), city: pick(CITIES, number * 13) },
    items: [{ product, quantity, price }],
    total: Math.round(quantity * price * 100) / 100,
    orderedAt: new Date(now).toISOString(),
  };
}

const pick = <T>(items: readonly T[], number: number): T => items[number % items.length] as T;
