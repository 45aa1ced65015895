// Stops everything that a test starts. `.mocharc.json` requires this file, so that its hooks run around every
// test.

// Only the workers of Mocha are measured. The processes that tests start run the build, which is not in the report, and
// would take a third longer.
if (process.env["MOCHA_WORKER_ID"] !== undefined) delete process.env["NODE_V8_COVERAGE"];

const stops: (() => unknown)[] = [];
let testing = false;

/**
 * Calls `stop` after the current test, whether it passes or fails. What was started last is stopped first.
 *
 * @throws outside a test and its `beforeEach`. For a whole suite, use `useBroker`, `useGateway` or a similar
 * function
 */
export function afterTest(stop: () => unknown): void {
  if (!testing)
    throw new Error("afterTest was called outside a test; for a whole suite, use useBroker or useGateway");
  stops.push(stop);
}

export const mochaHooks = {
  beforeEach(): void {
    testing = true;
  },
  async afterEach(): Promise<void> {
    testing = false;
    const failures: unknown[] = [];
    for (const stop of stops.splice(0).reverse()) {
      try {
        await stop();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  },
};
