// The contract of a kind of webhook: it verifies a delivery, then converts it to drafts.

import { timingSafeEqual } from "node:crypto";
import type { AdapterKind } from "./adapter.ts";
import { OnrampError } from "./errors.ts";
import type { Draft } from "./record.ts";
import type { Source, TopicRecords } from "./source.ts";

/** A delivery as it was received. Its content is not trusted before its signature is verified. */
export interface Delivery {
  /** Request headers; the names are in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The raw body: signatures are computed over these bytes. */
  readonly body: Buffer;
  readonly receivedAt: Date;
}

/**
 * A delivery with a valid signature. Created by `verifyDelivery` only, so that a kind of webhook cannot skip
 * verification; a copy of it with another body is a `Delivery` again.
 */
export class Verified implements Delivery {
  readonly #delivery: Delivery;

  private constructor(delivery: Delivery) {
    this.#delivery = delivery;
  }

  get headers(): Delivery["headers"] {
    return this.#delivery.headers;
  }
  get body(): Buffer {
    return this.#delivery.body;
  }
  get receivedAt(): Date {
    return this.#delivery.receivedAt;
  }

  /** See `verifyDelivery`. */
  static async from(
    delivery: Delivery,
    header: string,
    matches: (signature: string) => boolean | Promise<boolean>,
  ): Promise<Verified> {
    const signature = delivery.headers[header];
    if (typeof signature !== "string" || signature === "") {
      throw new OnrampError(
        40101,
        `The header ${capitalized(header)} is missing. Set the same secret at the sender and in the configuration of this webhook.`,
      );
    }
    let valid = false;
    try {
      valid = await matches(signature);
    } catch {
      // A signature that cannot be parsed does not match.
    }
    if (valid) return new Verified(delivery);
    throw new OnrampError(
      40101,
      `The signature in ${capitalized(header)} does not match. Check that the sender uses a secret that is configured for this webhook.`,
    );
  }
}

/** The records of a delivery. Without drafts, the delivery is acknowledged and nothing is written. */
export interface Received {
  readonly topic: string;
  readonly drafts: readonly Draft[];
}

/** A delivery that the sender could not deliver. */
export interface MissedDelivery {
  /** The id that all attempts have in common. */
  readonly guid: string;
  readonly event: string;
  /** The time of the first attempt, in milliseconds since 1970. */
  readonly at: number;
  /** Whether Onramp requests it again, or why not, in one word. */
  readonly verdict: string;
}

/** Recovers missed deliveries, for a sender that does not retry. */
export interface Recovery {
  /** Runs as source `webhook:<name>`. */
  readonly source: Source;
  /** Returns the deliveries that are currently missed. Requests none of them again. @throws SourceError, OperatorError */
  missed(records: TopicRecords, signal: AbortSignal): Promise<readonly MissedDelivery[]>;
}

/** One configured webhook. */
export interface WebhookReceiver {
  /** The maximum time from the headers of a delivery to the response, in milliseconds. */
  readonly deadlineMs: number;
  /** Whether a delivery that does not match the schema of its topic is refused or becomes a dead letter. */
  readonly onInvalid: "refuse" | "dead-letter";
  /** The topics that deliveries can go to. */
  readonly topics: readonly string[];
  /** Undefined when missed deliveries are not recovered. */
  readonly recovery?: Recovery;
  /**
   * Verifies the signature with `verifyDelivery`. Called by `http/webhooks.ts` once per delivery, before its
   * body is parsed.
   *
   * @throws OnrampError 40101 when the signature is missing or wrong: the caller responds with 401 and writes
   *   nothing
   */
  verify(delivery: Delivery): Promise<Verified>;
  /**
   * Converts a verified delivery to drafts. Called by `http/webhooks.ts` once per delivery, after `verify`.
   *
   * @throws OnrampError 40001, 41501 when the delivery is malformed: the caller responds with this error and
   *   writes nothing
   */
  draftsOf(delivery: Verified): Received | Promise<Received>;
}

/** A kind of webhook. */
export type WebhookKind = AdapterKind<WebhookReceiver>;

/**
 * Verifies the signature of a delivery. The only function that creates a `Verified` delivery.
 *
 * @param header the request header that carries the signature, in lower case
 * @param matches whether the signature belongs to the body; an error that it throws counts as false
 * @throws OnrampError 40101 when the header is missing or empty, is given twice, or does not match
 */
export const verifyDelivery = (
  delivery: Delivery,
  header: string,
  matches: (signature: string) => boolean | Promise<boolean>,
): Promise<Verified> => Verified.from(delivery, header, matches);

/** Compares two texts in constant time, such as a signature with the expected one. */
export function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Converts a header name to its usual spelling, such as `X-Hub-Signature-256`. */
const capitalized = (header: string): string => header.replaceAll(/\b[a-z]/g, (first) => first.toUpperCase());
