// What a kind of webhook is: one function from a delivery to drafts, which verifies before it parses.

import type { Draft } from "./record.ts";

/** A delivery as it came in; nothing of it may be believed until its signature is verified. */
export interface Delivery {
  /** Request headers, lower-case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The raw body, byte for byte: signatures are over these. */
  readonly body: Buffer;
  readonly receivedAt: Date;
}

/** What a delivery becomes; no drafts: it is acknowledged and not produced. */
export interface Received {
  readonly topic: string;
  readonly drafts: readonly Draft[];
}

/** One configured receiver. */
export interface WebhookReceiver {
  /** Milliseconds until the sender is answered, whatever is known then. */
  readonly deadlineMs: number;
  /** What becomes of a delivery that does not match its topic's schema. */
  readonly onInvalid: "refuse" | "dead-letter";
  /** Topics that deliveries may go to. */
  readonly topics: readonly string[];
  /**
   * Called once a delivery.
   *
   * @throws OnrampError 40101 when the signature is missing or wrong, before anything is parsed; 40001 when a verified delivery is malformed
   */
  receive(delivery: Delivery): Promise<Received>;
}

/** A kind of webhook: its name in the configuration, its options, how a receiver is made. */
export interface WebhookKind {
  readonly type: string;
  /** JSON Schema of its options, `type` included. */
  readonly options: Readonly<Record<string, unknown>>;
  /** @param options valid by the schema, defaults in place */
  create(options: Readonly<Record<string, unknown>>): WebhookReceiver;
}
