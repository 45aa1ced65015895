// A response that only the test reads.

import type { ServerResponse } from "node:http";

/** The content of the response. */
export interface Answered {
  status: number | undefined;
  headers: Readonly<Record<string, unknown>>;
  text: string;
}

/** A double of a response, and its content. */
export function recordedResponse(): { readonly res: ServerResponse; readonly answered: Answered } {
  const answered: Answered = { status: undefined, headers: {}, text: "" };
  const res = {
    writeHead(status: number, headers: Record<string, unknown>) {
      Object.assign(answered, { status, headers });
      return res;
    },
    end(body: Buffer | string) {
      answered.text = `${body}`;
    },
  };
  return { res: res as unknown as ServerResponse, answered };
}
