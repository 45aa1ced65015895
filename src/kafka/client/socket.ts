// Opens the sockets of connections to brokers.

import net from "node:net";
import tls from "node:tls";
import { messageOf } from "../../core/errors.ts";
import { BrokerGone } from "./errors.ts";

/** The idle time after which the kernel checks whether the peer is alive, in milliseconds. */
const KEEP_ALIVE_MS = 30_000;

export interface SocketOptions {
  readonly host: string;
  readonly port: number;
  /** The time limit for connecting, TLS, ApiVersions and SASL together, in milliseconds. */
  readonly connectTimeoutMs: number;
  readonly tls?: tls.ConnectionOptions | undefined;
  /** The next step when the address cannot be reached. */
  readonly hint?: string | undefined;
}

/**
 * Opens a TCP or TLS connection.
 *
 * @param name the address in errors
 * @throws BrokerGone when it cannot be opened in time
 */
export function openSocket(options: SocketOptions, name: string): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const { host, port } = options;
    const servername = net.isIP(host) ? {} : { servername: host };
    const socket = options.tls
      ? tls.connect({ host, port, ...servername, ...options.tls })
      : net.connect({ host, port });
    const fail = (cause?: Error): void => {
      socket.destroy();
      reject(
        new BrokerGone(
          `cannot connect to ${name}${cause ? `: ${messageOf(cause)}` : ` within ${options.connectTimeoutMs} ms`}${hintFor(options, cause)}`,
          { sent: false, cause },
        ),
      );
    };
    const timer = setTimeout(fail, options.connectTimeoutMs);
    socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS);
    socket.once(options.tls ? "secureConnect" : "connect", () => {
      clearTimeout(timer);
      socket.off("error", fail);
      resolve(socket);
    });
    socket.once("error", (error) => {
      clearTimeout(timer);
      fail(error);
    });
  });
}

/** The next step. Errors of the network, and no others, have a system call. */
function hintFor({ tls: options, hint }: SocketOptions, cause: NodeJS.ErrnoException | undefined): string {
  if (options && cause && cause.syscall === undefined) return " (check kafka.tls)";
  return hint === undefined ? "" : ` (${hint})`;
}
