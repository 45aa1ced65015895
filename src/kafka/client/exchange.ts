// Sends a request and decodes its response. A malformed response closes the connection: what follows it cannot be trusted.

import { messageOf } from "../../core/errors.ts";
import type { Api } from "../../wire/codec.ts";
import { decodeResponse } from "../../wire/message.ts";
import type { Connection } from "./connection.ts";
import { BrokerGone } from "./errors.ts";
import { ThrottleLimit } from "./throttle.ts";

/** An encoded request. */
export interface RequestFrame {
  readonly frame: Buffer;
  /** The correlation id in `frame`. */
  readonly correlationId: number;
  /** The time in which the broker must answer, in milliseconds. */
  readonly timeoutMs: number;
}

/** The limit for connections that do not belong to a cluster. */
const SILENT_LIMIT = new ThrottleLimit();

/**
 * Sends an encoded request and returns the response. Its throttle time is 0 to 30 s.
 *
 * @throws BrokerGone when the connection is lost or times out, or when the response is malformed
 */
export async function exchange<R>(
  connection: Pick<Connection, "address" | "send" | "close" | "throttle">,
  api: Api<unknown, R>,
  version: number,
  { frame, correlationId, timeoutMs }: RequestFrame,
): Promise<R> {
  const response = await connection.send(frame, correlationId, timeoutMs, api.maxResponse);
  const { address, throttle = SILENT_LIMIT } = connection;
  try {
    return throttle.apply(address, decodeResponse(api, version, response));
  } catch (cause) {
    const reason = `${address} sent a malformed response to ${api.name}: ${messageOf(cause)}`;
    connection.close(reason, cause);
    throw new BrokerGone(reason, { sent: true, cause });
  }
}
