// Declares an API of the broker: its layout, the supported versions, and its handler.

import type { Api } from "../wire/codec.ts";
import type { State } from "./state.ts";

/** The client and version of a request. */
export interface Caller {
  /** The version of the API. */
  readonly version: number;
  readonly clientId: string;
  readonly host: string;
}

/** An API with the versions that the broker supports. */
export interface Endpoint {
  readonly api: Api<unknown, unknown>;
  readonly min: number;
  readonly max: number;
  /** Handles one request. Returns the response, or undefined when the client expects none (acks 0). */
  handle(state: State, request: unknown, caller: Caller): unknown;
}

/** Declares an endpoint. The types of the handler are checked against the layout. */
export function endpoint<Q, R>(
  api: Api<Q, R>,
  [min, max]: readonly [number, number],
  handle: (state: State, request: Q, caller: Caller) => R | undefined | Promise<R | undefined>,
): Endpoint {
  return { api, min, max, handle: handle as Endpoint["handle"] };
}
