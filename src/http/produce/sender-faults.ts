// Counts what the sender of a stream of lines does wrong, and says when the stream must end because of it.

import { OnrampError } from "../../core/errors.ts";
import { chunkProblem } from "../body/chunk-pace.ts";

/** After this many refused lines in a row, a stream ends: its sender does not send records. */
const MAX_BAD_LINES = 1000;

/** The faults of one stream. */
export class SenderFaults {
  /** When the line began that is not complete (milliseconds, `Date.now`); undefined between lines. */
  lineSince: number | undefined;
  /** The chunks of parts of the body that do not end a line, and their bytes. */
  #chunks = 0;
  #bytes = 0;
  /** The number of refused lines since the last line that was not refused. */
  #badLines = 0;

  /**
   * Counts a part of the body.
   *
   * @param chunks the number of chunks that it was sent in
   * @param lines the number of lines that end in it
   * @param held the number of bytes after the last of them
   * @returns the reason to end the stream
   */
  countPart(bytes: number, chunks: number, lines: number, held: number): OnrampError | undefined {
    if (lines > 0) {
      this.lineSince = held === 0 ? undefined : Date.now();
      return undefined;
    }
    this.lineSince ??= Date.now();
    this.#bytes += bytes;
    this.#chunks += chunks;
    return chunkProblem(this.#bytes, this.#chunks);
  }

  /**
   * Counts a line and its error. Only errors caused by the sender count: while Kafka is unavailable, the stream continues.
   *
   * @returns the reason to end the stream
   */
  countLine(error: OnrampError | undefined, line: number): OnrampError | undefined {
    if (error === undefined) this.#badLines = 0;
    else if (error.known === "not written" && ++this.#badLines === MAX_BAD_LINES)
      return new OnrampError(
        error.code,
        `${MAX_BAD_LINES} lines in a row were refused, up to line ${line}. Send one JSON value per line; it must match the schema of the topic, if there is one. The last reason: ${error.message}`,
      );
    return undefined;
  }
}
