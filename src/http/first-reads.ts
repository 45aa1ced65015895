// Reads new connections in turns. Node.js parses all that it reads at once, thousands of requests per socket; the first reads of
// many connections together would hold the event loop.

import type net from "node:net";

/** The number of connections whose first read is in the same iteration of the event loop, if few connections wait. */
const PER_ITERATION = 2;
/** The part of the connections that wait, if that is more. */
const PART = 1 / 50;

const waiting: net.Socket[] = [];

/** Reads a new connection in one of the next iterations of the event loop. */
export function readInTurn(socket: net.Socket): void {
  socket.pause();
  waiting.push(socket);
  if (waiting.length === 1) setImmediate(readNext);
}

function readNext(): void {
  const count = Math.max(PER_ITERATION, Math.ceil(waiting.length * PART));
  for (const socket of waiting.splice(0, count)) socket.resume();
  if (waiting.length > 0) setImmediate(readNext);
}
