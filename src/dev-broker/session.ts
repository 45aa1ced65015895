// Serves one connection. Handles its requests one at a time and in order, as Apache Kafka does.

import type net from "node:net";
import { KafkaCode } from "../wire/error-codes.ts";
import { FrameSplitter } from "../wire/frame.ts";
import { encodeResponse, readRequestBody, readRequestHeader } from "../wire/message.ts";
import { ApiVersions } from "../wire/messages/cluster.ts";
import { Reader } from "../wire/reader.ts";
import { supportedVersions } from "./apis/cluster.ts";
import type { Endpoint } from "./endpoint.ts";
import type { State } from "./state.ts";

/** The default of `socket.request.max.bytes`. */
const MAX_REQUEST = 100 * 1024 * 1024;

/** Serves a connection until it closes. Closes it after an invalid request, as Apache Kafka does. */
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
  const endpoint = endpoints.get(apiKey);
  if (!endpoint || apiVersion < endpoint.min || apiVersion > endpoint.max) {
    if (apiKey !== ApiVersions.key)
      throw new Error(`version ${apiVersion} of API ${apiKey} is not supported`);
    // Answers in version 0, which every client can read.
    const body = {
      errorCode: KafkaCode.UNSUPPORTED_VERSION,
      apiKeys: supportedVersions([...endpoints.values()]),
      throttleTimeMs: 0,
    };
    return send(socket, state, apiKey, encodeResponse(ApiVersions, 0, correlationId, body));
  }
  const request = readRequestBody(endpoint.api, apiVersion, reader);
  const caller = { version: apiVersion, clientId: clientId ?? "", host: `/${socket.remoteAddress ?? ""}` };
  const response = await endpoint.handle(state, request, caller);
  if (response !== undefined)
    await send(socket, state, apiKey, encodeResponse(endpoint.api, apiVersion, correlationId, response));
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
