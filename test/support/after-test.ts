// Whatever a test starts stops by itself. `.mocharc.json` requires this file, so that its hooks run around every test.

const stops: (() => unknown)[] = [];
let testing = false;

/**
 * Calls `stop` after the current test, whether it passes or fails; what was started last stops first.
 *
 * @throws outside a test and its `beforeEach`: for a whole suite there are `useBroker`, `useGateway` and their like
 */
export function afterTest(stop: () => unknown): void {
  if (!testing)
    throw new Error("outside a test there is nothing to stop after; see test/support/after-test.ts");
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
