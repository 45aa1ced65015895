// One API of the broker: its layout, the versions served, and what it does.

import type { Api } from "../wire/codec.ts";
import type { State } from "./state.ts";

/** Who asks. */
export interface Caller {
  readonly version: number;
  readonly clientId: string;
  readonly host: string;
}

/** An API as it is served. */
export interface Endpoint {
  readonly api: Api<unknown, unknown>;
  readonly min: number;
  readonly max: number;
  /** Undefined: the request wants no answer (acks 0). */
  handle(state: State, request: unknown, caller: Caller): unknown;
}

/** Declares an endpoint with its types checked against the layout. */
export function endpoint<Q, R>(
  api: Api<Q, R>,
  [min, max]: readonly [number, number],
  handle: (state: State, request: Q, caller: Caller) => R | undefined | Promise<R | undefined>,
): Endpoint {
  return { api, min, max, handle: handle as Endpoint["handle"] };
}
