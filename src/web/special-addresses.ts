// The addresses outside the public Internet. One list of prefixes, from IANA's registries of special-purpose addresses (RFC 6890):
// https://www.iana.org/assignments/iana-ipv4-special-registry and https://www.iana.org/assignments/iana-ipv6-special-registry.
// It also has the prefixes that other registries reserve: multicast, and those that contain an IPv4 address. All are refused, also
// those that the registries call globally reachable, such as 192.31.196.0/24: they serve infrastructure, and are not receivers.

/** A prefix is covered if a shorter one is in the list: 192.0.0.0/24 and 2001::/23 contain the entries of protocols. */
export const SPECIAL_ADDRESSES: readonly string[] = [
  "0.0.0.0/8", // this network (RFC 791)
  "10.0.0.0/8", // private use (RFC 1918)
  "100.64.0.0/10", // shared address space of providers (RFC 6598)
  "127.0.0.0/8", // loopback (RFC 1122)
  "169.254.0.0/16", // link-local (RFC 3927), also the metadata services of clouds
  "172.16.0.0/12", // private use (RFC 1918)
  "192.0.0.0/24", // IETF protocol assignments (RFC 6890)
  "192.0.2.0/24", // documentation (RFC 5737)
  "192.31.196.0/24", // AS112-v4 (RFC 7535)
  "192.52.193.0/24", // AMT (RFC 7450)
  "192.88.99.0/24", // 6to4 relay anycast, deprecated (RFC 7526)
  "192.168.0.0/16", // private use (RFC 1918)
  "192.175.48.0/24", // direct delegation of AS112 (RFC 7534)
  "198.18.0.0/15", // benchmarks (RFC 2544)
  "198.51.100.0/24", // documentation (RFC 5737)
  "203.0.113.0/24", // documentation (RFC 5737)
  "224.0.0.0/4", // multicast (RFC 5771)
  "240.0.0.0/4", // reserved (RFC 1112), and limited broadcast (RFC 919)
  "::/96", // unspecified, loopback, and IPv4-compatible addresses, deprecated (RFC 4291)
  "::ffff:0:0/96", // IPv4-mapped (RFC 4291)
  "::ffff:0:0:0/96", // IPv4-translated (RFC 2765)
  "64:ff9b::/96", // IPv4/IPv6 translation (RFC 6052)
  "64:ff9b:1::/48", // IPv4/IPv6 translation, local use (RFC 8215)
  "100::/64", // discard-only (RFC 6666)
  "100:0:0:1::/64", // dummy IPv6 prefix (RFC 9780)
  "2001::/23", // IETF protocol assignments, such as Teredo (RFC 2928)
  "2001:db8::/32", // documentation (RFC 3849)
  "2002::/16", // 6to4 (RFC 3056)
  "2620:4f:8000::/48", // direct delegation of AS112 (RFC 7534)
  "3fff::/20", // documentation (RFC 9637)
  "5f00::/16", // segment routing SIDs (RFC 9602)
  "fc00::/7", // unique local (RFC 4193)
  "fe80::/10", // link-local (RFC 4291)
  "fec0::/10", // site-local, deprecated (RFC 3879)
  "ff00::/8", // multicast (RFC 4291)
];
