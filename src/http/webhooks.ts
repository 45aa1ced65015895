// Serves `POST /webhooks/{name}`: passes the raw body to the receiver, and responds when Kafka has
// acknowledged the records.

import { Router } from "express";
import { OnrampError } from "../core/errors.ts";
import { ExpressionError } from "../core/expressions.ts";
import type { Ingest } from "../core/ingest.ts";
import type { Received, Verified, WebhookReceiver } from "../core/webhook.ts";
import { type BodyLimits, readBody } from "./body/body.ts";
import { addressOf } from "./client-address.ts";
import { EXACT } from "./routes.ts";

export interface WebhookDeps extends Pick<BodyLimits, "maxBody"> {
  /** The bodies of deliveries: their senders are not known before the signature is verified. */
  readonly webhookLimits: Pick<BodyLimits, "budget" | "largeBudget">;
  readonly ingest: Ingest;
  /** Receivers by name. */
  readonly webhooks: ReadonlyMap<string, WebhookReceiver>;
}

/** Creates the route of all webhooks. Deliveries are authenticated by their signatures, not by tokens. */
export function webhookRoutes(deps: WebhookDeps): Router {
  return Router(EXACT).post("/webhooks/:name", async (req, res) => {
    const receivedAt = new Date();
    const { name } = req.params;
    const receiver = deps.webhooks.get(name);
    if (!receiver) throw new OnrampError(40403, "No webhook with this name is configured.");
    const deadline = receivedAt.getTime() + receiver.deadlineMs;
    const limits = { ...deps.webhookLimits, maxBody: deps.maxBody, reserves: false };
    const body = await readBody(req, res, addressOf(req.socket), limits);
    try {
      if (Date.now() >= deadline) throw tooSlow(receiver.deadlineMs);
      const verified = await receiver.verify({ headers: req.headers, body: body.bytes, receivedAt });
      const { topic, drafts } = await draftsOf(receiver, verified);
      if (drafts.length === 0) {
        res.json({ produced: 0 });
        return;
      }
      const receipts = await deps.ingest.accept(
        topic,
        drafts,
        receiver.onInvalid === "dead-letter" ? { deadline, deadLetterFor: name } : { deadline },
      );
      res.json({ produced: receipts.orThrow().count });
    } finally {
      body.release();
    }
  });
}

const tooSlow = (deadlineMs: number): OnrampError =>
  new OnrampError(
    40801,
    `The delivery took longer than ${deadlineMs} ms to arrive, and its sender does not wait longer; nothing was written. Deliver it again.`,
  );

/** @throws the error of the receiver; OnrampError 40001 in place of an ExpressionError */
async function draftsOf(receiver: WebhookReceiver, verified: Verified): Promise<Received> {
  try {
    return await receiver.draftsOf(verified);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    throw new OnrampError(
      40001,
      `This webhook cannot convert the delivery: ${error.message}. Correct the delivery or the expression.`,
      { cause: error },
    );
  }
}
