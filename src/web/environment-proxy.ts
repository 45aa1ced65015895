// Finds the proxy for a URL in the environment variables, as curl and Go do.

import { BlockList, isIP } from "node:net";

type Environment = Readonly<Record<string, string | undefined>>;

let environment: Environment = {};

/** Sets the variables that name the proxies of the process. Called before the configuration is loaded. Default: none. */
export function useProxyVariables(variables: Environment): void {
  environment = variables;
}

/** @returns the value of a variable, in lower case (which takes precedence) or in upper case; "" if it is not set */
const variable = (name: string): string =>
  environment[name.toLowerCase()] || environment[name.toUpperCase()] || "";

/**
 * Returns the text of the proxy that HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, or the same in lower case, name for a
 * URL; "" for none. A proxy without a scheme is an http proxy.
 *
 * @throws Error for a block in NO_PROXY that is not valid
 */
export function proxyTextFor(url: URL): string {
  const found = (variable(`${url.protocol.slice(0, -1)}_proxy`) || variable("all_proxy")).trim();
  if (found === "" || isExcepted(url, variable("no_proxy"))) return "";
  return found.includes("://") ? found : `http://${found}`;
}

/** @param noProxy entries separated by commas or spaces. @throws Error for a block that is not valid */
function isExcepted(url: URL, noProxy: string): boolean {
  const entries = noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .filter(Boolean);
  // All entries are read, so that an invalid one is reported also if another one matches.
  return entries.map((entry) => covers(entry, url)).includes(true);
}

/**
 * @param entry `*`, a host name (which covers its subdomains, with or without a dot before it), an address or a block such
 *   as 10.0.0.0/8. Names and addresses may have a port.
 */
function covers(entry: string, { hostname, port, protocol }: URL): boolean {
  if (entry === "*") return true;
  const host = withoutBrackets(hostname).replace(/\.$/, "");
  if (entry.includes("/")) {
    // Not an address, such as the path of a socket: other programs ignore it as well.
    if (isIP(withoutBrackets(entry.split("/", 1)[0] ?? "")) === 0) return false;
    const block = blockOf(entry);
    return isIP(host) !== 0 && block.check(host, familyOf(host));
  }
  const [, name = entry, entryPort] = isIP(entry) ? [] : (/^(.+?)(?::(\d+))?$/.exec(entry) ?? []);
  if (entryPort !== undefined && entryPort !== (port || (protocol === "https:" ? "443" : "80"))) return false;
  const wanted = withoutBrackets(name);
  if (isIP(wanted)) return isIP(host) !== 0 && listOf(wanted).check(host, familyOf(host));
  const domain = wanted.replace(/^\*?\.?/, "").replace(/\.$/, "");
  return host === domain || (isIP(host) === 0 && host.endsWith(`.${domain}`));
}

const withoutBrackets = (host: string): string => host.replace(/^\[|\]$/g, "");
const familyOf = (address: string): "ipv4" | "ipv6" => (isIP(address) === 6 ? "ipv6" : "ipv4");

function listOf(address: string): BlockList {
  const list = new BlockList();
  list.addAddress(address, familyOf(address));
  return list;
}

function blockOf(entry: string): BlockList {
  const [address = "", bits = "", ...rest] = entry.split("/");
  const list = new BlockList();
  try {
    if (rest.length > 0 || !/^\d+$/.test(bits)) throw new RangeError(bits);
    list.addSubnet(withoutBrackets(address), Number(bits), familyOf(withoutBrackets(address)));
  } catch {
    throw new Error(`NO_PROXY: "${entry}" is not a CIDR block, such as 10.0.0.0/8`);
  }
  return list;
}
