// The lines of the NDJSON of an event stream, and a double of a gateway that sends them.

import type { ServerResponse } from "node:http";
import { type ApiDouble, type ApiReply, startApi } from "./api-double.ts";

export const position = (id: string): string => `{"id":"${id}","event":"position","data":{}}\n`;

/** A record whose value is a text of JSON. */
export const recordData = (offset: number, value = `{"n":${offset}}`): string =>
  `{"topic":"orders","partition":1,"offset":${offset},"timestamp":1795715473924,"key":"k","headers":[],"value":${value}}`;

export const record = (offset: number, value?: string): string =>
  `{"id":"p${offset}","data":${recordData(offset, value)}}\n`;

export const named = (name: string, data: object, id = name): string =>
  `{"id":"${id}","event":"${name}","data":${JSON.stringify(data)}}\n`;

/** What the gateway does with a request; after the last one, it keeps the stream open. */
export type Step = (res: ServerResponse) => ApiReply | undefined;

/** Answers 200 with lines. @param then `open`: keeps the stream open; `cut`: closes the connection */
export const stream =
  (text: string, then: "open" | "end" | "cut" = "open"): Step =>
  (res) => {
    res.writeHead(200, { "content-type": "application/x-ndjson" });
    if (then === "end") res.end(text);
    else res.write(text, () => then === "cut" && res.destroy());
    return undefined;
  };

export const problem =
  (status: number, detail: string, headers: Record<string, string> = {}): Step =>
  () => ({ status, headers: { "content-type": "application/problem+json", ...headers }, body: { detail } });

/** A gateway that takes one step per request. */
export function startEvents(...steps: readonly Step[]): Promise<ApiDouble> {
  let next = 0;
  return startApi((_, res) => (steps[next++] ?? stream(""))(res));
}
