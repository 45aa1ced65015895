// Certificates of a private CA for tests, created by `make.sh` and valid for a hundred years.

import path from "node:path";

const at = (name: string): string => path.join(import.meta.dirname, name);

/** Paths of the CA, a server certificate for localhost and 127.0.0.1, a client certificate (CN=onramp-client), and
 * a certificate for the hosts of the examples. */
export function tlsFiles() {
  return {
    ca: at("ca.pem"),
    cert: at("server.pem"),
    key: at("server.key"),
    clientCert: at("client.pem"),
    clientKey: at("client.key"),
    apisCert: at("apis.pem"),
    apisKey: at("apis.key"),
  };
}
