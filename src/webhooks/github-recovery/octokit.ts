// The client of GitHub's API: Octokit with its limits and the authentication of apps, on the HTTP client of Onramp.

import { createAppAuth } from "@octokit/auth-app";
import { Octokit } from "@octokit/core";
import { throttling } from "@octokit/plugin-throttling";
import { answeringFetch } from "../../web/fetch.ts";
import type { RecoverOptions } from "./hook-api.ts";

const TIMEOUT_MS = 30_000;
const NEVER = new AbortController().signal;

const ThrottledOctokit = Octokit.plugin(throttling);

export type ApiClient = InstanceType<typeof ThrottledOctokit>;

/** @param now milliseconds since 1970 */
export function createOctokit({ app, token, apiUrl }: RecoverOptions, now: () => number): ApiClient {
  // The caller waits: a wait inside of a request would look like a hang.
  const throttle = { onRateLimit: () => false, onSecondaryRateLimit: () => false };
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const fetch = answeringFetch({ receiver: "GitHub", timeoutMs: TIMEOUT_MS, cancel: NEVER, now });
  const common = {
    baseUrl: apiUrl.replace(/\/$/, ""),
    throttle,
    log,
    userAgent: "Onramp",
    request: { fetch },
  };
  if (!app) return new ThrottledOctokit({ ...common, auth: token });
  const installation = app.installation === undefined ? {} : { installationId: app.installation };
  const auth = { appId: app.id, privateKey: app.privateKey, ...installation, log };
  return new ThrottledOctokit({ ...common, authStrategy: createAppAuth, auth });
}
