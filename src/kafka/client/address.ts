// The addresses of brokers.

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface BrokerAddress extends Address {
  readonly nodeId: number;
}

/** Whether the address that a broker advertises is valid. For an invalid one, Node.js would throw or connect to localhost. */
export const isUsable = ({ host, port }: Address): boolean =>
  /^[^\s\0]{1,255}$/.test(host) && port > 0 && port < 65536;

/** `host:port`. */
export const nameOf = ({ host, port }: Address): string => `${host}:${port}`;

/**
 * Parses `host:port` or `[IPv6 address]:port`. The default port is 9092.
 *
 * @throws Error when the address has another form
 */
export function parseAddress(address: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(address);
  if (!match) throw new Error(`"${address}" is not an address of the form host:port`);
  return { host: match[1] ?? match[2] ?? "", port: Number(match[3] ?? 9092) };
}
