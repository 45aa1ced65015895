// The contract of a kind of webhook: verify a delivery, then make drafts of it.

import type { AdapterKind } from "./adapter.ts";
import { OnrampError } from "./errors.ts";
import type { Draft } from "./record.ts";

/** A delivery as it arrived. Nothing in it is trusted before its signature is verified. */
export interface Delivery {
  /** Request headers; the names are in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The raw body: signatures are computed over these bytes. */
  readonly body: Buffer;
  readonly receivedAt: Date;
}

declare const verified: unique symbol;

/** A delivery whose signature is valid. Made by `verifyDelivery` alone, so that a kind cannot forget to verify. */
export interface Verified extends Delivery {
  readonly [verified]: true;
}

/** The records that a delivery becomes. No drafts: the delivery is acknowledged and nothing is written. */
export interface Received {
  readonly topic: string;
  readonly drafts: readonly Draft[];
}

/** One configured webhook. */
export interface WebhookReceiver {
  /** The sender is answered within this time of its headers, in milliseconds. */
  readonly deadlineMs: number;
  /** What happens to a delivery that does not match the schema of its topic. */
  readonly onInvalid: "refuse" | "dead-letter";
  /** The topics that deliveries can go to. */
  readonly topics: readonly string[];
  /**
   * Verifies the signature, by `verifyDelivery`. Called once per delivery, before anything in it is parsed.
   *
   * @throws OnrampError 40101 when the signature is missing or wrong: the sender is answered 401, nothing is written
   */
  verify(delivery: Delivery): Promise<Verified>;
  /**
   * Makes drafts of a verified delivery. Called once per delivery, after `verify`.
   *
   * @throws OnrampError 40001, 41501 when the delivery is malformed: the sender is answered with it, nothing is written
   */
  draftsOf(delivery: Verified): Received | Promise<Received>;
}

/** A kind of webhook. */
export type WebhookKind = AdapterKind<WebhookReceiver>;

/**
 * The only function that makes a `Verified` delivery.
 *
 * @param header the request header that carries the signature, in lower case
 * @param matches whether the signature belongs to the body; an error that it throws counts as false
 * @throws OnrampError 40101 when the header is missing or empty, is given twice, or does not match
 */
export async function verifyDelivery(
  delivery: Delivery,
  header: string,
  matches: (signature: string) => boolean | Promise<boolean>,
): Promise<Verified> {
  const signature = delivery.headers[header];
  if (typeof signature !== "string" || signature === "") {
    throw new OnrampError(
      40101,
      `The header ${spelled(header)} is missing. Set the same secret at the sender and in the configuration of this webhook.`,
    );
  }
  let valid = false;
  try {
    valid = await matches(signature);
  } catch {
    // The signature has another form; `valid` stays false.
  }
  if (valid) return delivery as Verified;
  throw new OnrampError(
    40101,
    `The signature in ${spelled(header)} does not match. Check that the sender's secret is the one configured here.`,
  );
}

/** `x-hub-signature-256` as documentation spells it: `X-Hub-Signature-256`. */
const spelled = (header: string): string => header.replaceAll(/\b[a-z]/g, (first) => first.toUpperCase());
