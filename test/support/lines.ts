// A client of NDJSON that writes and reads at the same time, as the format asks for.

import { once } from "node:events";
import http from "node:http";
import { createInterface } from "node:readline";
import type { Gateway } from "../../src/gateway.ts";

/** A request of lines under way. */
export interface LinesExchange {
  /** Writes bytes; resolves when there is room for more. */
  write(bytes: string | Buffer): Promise<void>;
  /** The next answer; undefined at the end. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read members freely and assert on them
  next(): Promise<any>;
  end(): void;
  /** Cuts the connection. */
  cut(): void;
  status(): Promise<number>;
}

/** Starts a request of lines. */
export function openLines({ apiUrl }: Pick<Gateway, "apiUrl">, path: string): LinesExchange {
  const request = http.request(`${apiUrl}${path}`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
  });
  const response = once(request, "response") as Promise<[http.IncomingMessage]>;
  // Whoever waits for an answer hears of a broken connection there.
  response.catch(() => {});
  request.on("error", () => {});
  let lines: AsyncIterator<string> | undefined;
  return {
    async write(bytes) {
      if (!request.write(bytes)) await once(request, "drain");
    },
    async next() {
      lines ??= createInterface({ input: (await response)[0] })[Symbol.asyncIterator]();
      const { value, done } = await lines.next();
      return done ? undefined : JSON.parse(value);
    },
    end: () => void request.end(),
    cut: () => void request.destroy(),
    status: async () => (await response)[0].statusCode ?? 0,
  };
}
