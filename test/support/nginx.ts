// Debian's nginx as a reverse proxy, with Debian's configuration.

import { readFileSync } from "node:fs";
import { isInstalled, startListener } from "./foreground.ts";

export const nginxInstalled = isInstalled("nginx", "-v");

/** The folders that nginx creates when it starts. */
const TEMPORARY = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];

const DEBIAN = "/etc/nginx/nginx.conf";

/** What is replaced in Debian's configuration, so that every instance has its own files and one site. */
const replacements = (folder: string, site: string): readonly [pattern: RegExp, text: string][] => [
  [/^pid .*;$/m, `pid ${folder}/nginx.pid;`],
  [/^error_log .*;$/m, `error_log ${folder}/error.log;`],
  [/^\s*access_log .*;$/m, `access_log ${folder}/access.log;`],
  [/^\s*include \/etc\/nginx\/conf\.d\/\*\.conf;$/m, ""],
  [/^\s*include \/etc\/nginx\/sites-enabled\/\*;$/m, site],
];

/**
 * Starts nginx in front of `url`; it ends after the test. It buffers, compresses event streams, and forwards requests as HTTP/1.0
 * with an own `Host`: all of this is the default, except that `gzip_types` has event streams and that reads time out after 3 s.
 *
 * @param directives further directives of the location
 * @returns the URL of nginx
 */
export async function startNginx(url: string, directives = ""): Promise<string> {
  const site = (port: number, folder: string): string => `
    ${TEMPORARY.map((name) => `${name}_temp_path ${folder}/${name};`).join("\n    ")}
    server {
      listen 127.0.0.1:${port};
      gzip_types text/event-stream;
      location / {
        proxy_pass ${url};
        proxy_read_timeout 3s;
        ${directives}
      }
    }`;
  const port = await startListener({
    program: "nginx",
    config: (port, folder) => debianConfig(folder, site(port, folder)),
    args: (file, folder) => ["-c", file, "-p", folder, "-e", `${folder}/error.log`, "-g", "daemon off;"],
  });
  return `http://127.0.0.1:${port}`;
}

/** @throws when Debian's configuration has changed so that a replacement does not apply */
function debianConfig(folder: string, site: string): string {
  let config = readFileSync(DEBIAN, "utf8");
  for (const [pattern, text] of replacements(folder, site)) {
    if (!pattern.test(config)) throw new Error(`${DEBIAN} has no line ${pattern}`);
    config = config.replace(pattern, () => text);
  }
  return config;
}
