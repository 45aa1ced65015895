#!/usr/bin/env bash
# Makes the test certificates anew. They protect nothing: their keys are public.
set -euo pipefail
cd "$(dirname "$0")"
days=36500
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days $days -subj "/CN=onramp test CA" 2>/dev/null
issue() { # name subject extensions
  openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days $days -out "$1.pem" -extfile <(printf '%s' "$3") 2>/dev/null
  rm "$1.csr"
}
issue server "/CN=localhost" "subjectAltName=DNS:localhost,IP:127.0.0.1"
issue client "/CN=onramp-client" "extendedKeyUsage=clientAuth"
rm -f ca.key ca.srl
# For the APIs that examples name; it is its own authority.
hosts=$(printf ',DNS:%s' example.com api.example.com www.alphavantage.co api.x.com stream.wikimedia.org api.github.com api.rss2json.com \
  api.open-meteo.com api.frankfurter.dev example.atlassian.net gitlab.com)
openssl req -x509 -newkey rsa:2048 -nodes -keyout apis.key -out apis.pem -days $days -subj "/CN=onramp test APIs" \
  -addext "subjectAltName=${hosts#,}" 2>/dev/null
