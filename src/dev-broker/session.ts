// One client's connection: frames in, one request served at a time as a real broker does, answers out.

import type net from "node:net";
import { KafkaCode } from "../wire/error-codes.ts";
import { FrameSplitter } from "../wire/frame.ts";
import { encodeResponse, readRequestBody, readRequestHeader } from "../wire/message.ts";
import { ApiVersions } from "../wire/messages/cluster.ts";
import { Reader } from "../wire/reader.ts";
import { offered } from "./apis/cluster.ts";
import type { Endpoint } from "./endpoint.ts";
import type { State } from "./state.ts";

/** As `socket.request.max.bytes`. */
const MAX_REQUEST = 100 * 1024 * 1024;

/** Serves a connection until it ends. A request that makes no sense ends it, as on a real broker. */
export function serve(socket: net.Socket, state: State, endpoints: ReadonlyMap<number, Endpoint>): void {
  const splitter = new FrameSplitter(MAX_REQUEST);
  let last = Promise.resolve();
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    try {
      for (const frame of splitter.push(chunk))
        last = last.then(() => answer(socket, state, endpoints, frame)).catch(() => void socket.destroy());
    } catch {
      socket.destroy();
    }
  });
}

async function answer(
  socket: net.Socket,
  state: State,
  endpoints: ReadonlyMap<number, Endpoint>,
  frame: Buffer,
): Promise<void> {
  const reader = new Reader(frame);
  const { apiKey, apiVersion, correlationId, clientId } = readRequestHeader(reader);
  const served = endpoints.get(apiKey);
  if (!served || apiVersion < served.min || apiVersion > served.max) {
    if (apiKey !== ApiVersions.key) throw new Error(`no version ${apiVersion} of API ${apiKey}`);
    const body = {
      errorCode: KafkaCode.UNSUPPORTED_VERSION,
      apiKeys: offered([...endpoints.values()]),
      throttleTimeMs: 0,
    };
    return send(socket, state, apiKey, encodeResponse(ApiVersions, 0, correlationId, body));
  }
  const request = readRequestBody(served.api, apiVersion, reader);
  const caller = { version: apiVersion, clientId: clientId ?? "", host: `/${socket.remoteAddress ?? ""}` };
  const response = await served.handle(state, request, caller);
  if (response !== undefined)
    await send(socket, state, apiKey, encodeResponse(served.api, apiVersion, correlationId, response));
}

async function send(socket: net.Socket, { faults }: State, apiKey: number, frame: Buffer): Promise<void> {
  const fault = faults.response?.(apiKey, frame);
  if (fault?.kind === "stall") return new Promise(() => {});
  if (fault?.kind === "cut") {
    socket.end(frame.subarray(0, fault.afterBytes));
    socket.destroySoon();
    return;
  }
  if (fault?.kind === "delay") await new Promise((resolve) => setTimeout(resolve, fault.ms));
  if (socket.writable) socket.write(frame);
}
