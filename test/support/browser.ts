// Debian's Chromium, without a window.

import { readFileSync } from "node:fs";
import { after, before } from "mocha";
import puppeteer, { type Browser, type Page } from "puppeteer-core";
import { afterTest } from "./after-test.ts";
import {
  type Dispatched,
  type EventSources,
  EXAMPLE,
  LISTENED,
  listen,
  Stream,
  ticketsFrom,
} from "./event-sources.ts";
import { isInstalled } from "./foreground.ts";

const CHROMIUM = "/usr/bin/chromium";

export const chromiumInstalled = isInstalled(CHROMIUM, "--version");

/** A browser for a suite: it is started before and closed after. @returns opens an empty page of an origin */
export function useBrowser(): (url: string) => Promise<Page> {
  let browser: Browser | undefined;
  before(async () => {
    // Chromium refuses its sandbox to root. A document of `useBrowser` has no address, so that Chromium would ask a person whether
    // its page may reach 127.0.0.1 when that is another origin.
    browser = await puppeteer.launch({
      executablePath: CHROMIUM,
      args: ["--no-sandbox", "--disable-features=LocalNetworkAccessChecks"],
    });
  });
  after(() => browser?.close());
  return async (url) => {
    if (!browser) throw new Error("the browser has not started");
    const page = await browser.newPage();
    afterTest(() => page.close());
    // The document is not the server's, but the page has the server's origin, and all other requests reach the server.
    await page.setRequestInterception(true);
    page.once("request", (request) => request.respond({ contentType: "text/html", body: "<!doctype html>" }));
    await page.goto(new URL("/", url).href);
    await page.setRequestInterception(false);
    return page;
  };
}

/** EventSource of Chromium. @param openPage of `useBrowser` */
export function browserEventSources(openPage: (url: string) => Promise<Page>): EventSources {
  const start = async (origin: string, script: string): Promise<Stream> => {
    const stream = new Stream();
    const page = await openPage(origin);
    await page.exposeFunction("report", (event: Dispatched) => void stream.dispatched.push(event));
    page.on("pageerror", (error) => void stream.dispatched.push(failureOf(error)));
    await page.addScriptTag({ type: "module", content: script });
    return stream;
  };
  return {
    open(url, origin = url) {
      const source = `new EventSource(${JSON.stringify(url)})`;
      return start(origin, `${listen}; listen(${source}, ${JSON.stringify(LISTENED)}, report);`);
    },
    follow(url, tickets) {
      const example = readFileSync(new URL(EXAMPLE), "utf8");
      const given = `${JSON.stringify(url)}, ticketsFrom(${JSON.stringify(url)}, ${JSON.stringify(tickets)})`;
      const take = "({ type, lastEventId: id, data }) => report({ type, id, data, closed: false })";
      return start(url, `${example}\n${ticketsFrom}\nfollow(${given}, ${take});`);
    },
  };
}

/** An error of the page, which a test sees in the list of what was dispatched. */
const failureOf = (error: unknown): Dispatched => ({ type: `${error}`, id: "", data: "", closed: true });
