// What a lane needs from the producer around it, and what the sender tells it about a request without an answer.

/** What a lane asks of its surroundings. */
export interface LaneHost {
  /** The leader may have moved, or the topic be gone. */
  refresh(topic: string): void;
  /** All epochs of this producer id are used up. */
  renewProducerId(used: number): void;
  /** The broker lost what we know it had: 45 or 59 for a batch that was not open. */
  suspectLoss(topic: string, partition: number, code: number): void;
}

/** How a request ended without an answer. */
export interface Loss {
  /** It may have reached the broker. */
  readonly sent: boolean;
  readonly timedOut: boolean;
  readonly reason: string;
}
