// The interface of the producer to its lanes, and the description of a request that got no answer.

/** The functions of the producer that a lane calls. */
export interface LaneHost {
  /** Refreshes the metadata of a topic: its leader may have moved, or the topic may have been deleted. */
  refresh(topic: string): void;
  /** Requests a new producer id, because this lane has used all epochs of the producer id `used`. */
  renewProducerId(used: number): void;
  /**
   * Reports that the broker has probably lost records that it had acknowledged: it answered
   * OUT_OF_ORDER_SEQUENCE_NUMBER (45) or UNKNOWN_PRODUCER_ID (59) for a batch that was not open.
   */
  reportSuspectedLoss(topic: string, partition: number, code: number): void;
}

/** A request that ended without an answer. */
export interface Loss {
  /** True when the request may have reached the broker. */
  readonly sent: boolean;
  readonly timedOut: boolean;
  readonly reason: string;
}
