// Waits until a client has read more of its response.

import type { ServerResponse } from "node:http";

/**
 * Resolves when the client has read more of the response, or has disconnected. A response that waits for an
 * earlier response on its connection emits no `close` event, so the socket's event is used as well.
 */
export function drained(res: ServerResponse): Promise<void> {
  const { socket } = res.req;
  return new Promise((resolve) => {
    const done = (): void => {
      res.off("drain", done).off("close", done);
      socket.off("close", done);
      resolve();
    };
    res.once("drain", done).once("close", done);
    socket.once("close", done);
  });
}
