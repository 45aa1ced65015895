// A test runner for Stryker that uses the public interface of mocha 12 (the published runner supports mocha 11 at most).

import type { CoverageData, InstrumenterContext, StrykerOptions } from "@stryker-mutator/api/core";
import { commonTokens, declareClassPlugin, PluginKind, tokens } from "@stryker-mutator/api/plugin";
import {
  type DryRunOptions,
  type DryRunResult,
  DryRunStatus,
  determineHitLimitReached,
  type MutantRunOptions,
  type MutantRunResult,
  type TestResult,
  type TestRunner,
  type TestRunnerCapabilities,
  TestStatus,
  toMutantRunResult,
} from "@stryker-mutator/api/test-runner";
import Mocha from "mocha";
import { mochaHooks } from "../test/support/after-test.ts";

/** The state that the instrumented code reads and writes. */
type Context = { [K in keyof InstrumenterContext]: InstrumenterContext[K] | undefined };
const shared = globalThis as { __stryker__?: InstrumenterContext };
shared.__stryker__ ??= {};
const context: Context = shared.__stryker__;

/** The key for the coverage of the hooks of a suite, until that is added to the coverage of its tests. */
const hooksOf = (suite: Mocha.Suite): string => `hooks of ${suite.fullTitle()}`;

class MochaRunner implements TestRunner {
  static readonly inject = tokens(commonTokens.options);
  readonly #mocha = new Mocha({ timeout: 0, reporter: class {} as never, rootHooks: mochaHooks });
  #loaded = false;

  constructor(options: StrykerOptions) {
    this.#mocha.cleanReferencesAfterRun(false);
    for (const file of options.testFiles ?? []) this.#mocha.addFile(file);
    this.#mocha.suite.beforeEach(function () {
      context.currentTestId = this.currentTest?.fullTitle();
    });
  }

  capabilities(): TestRunnerCapabilities {
    return { reloadEnvironment: false };
  }

  async dryRun({ disableBail }: DryRunOptions): Promise<DryRunResult> {
    const result = await this.#run(disableBail);
    const { mutantCoverage } = context;
    if (result.status !== DryRunStatus.Complete || !mutantCoverage) return result;
    giveHooksToTests(this.#mocha.suite, mutantCoverage.perTest);
    return { ...result, mutantCoverage };
  }

  async mutantRun(options: MutantRunOptions): Promise<MutantRunResult> {
    const { activeMutant, testFilter, hitLimit, mutantActivation } = options;
    context.hitLimit = hitLimit;
    context.hitCount = hitLimit === undefined ? undefined : 0;
    const names = testFilter?.map((name) => `^${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);
    this.#mocha.grep(new RegExp(names?.join("|") ?? ""));
    return toMutantRunResult(await this.#run(options.disableBail, activeMutant.id, mutantActivation));
  }

  async #run(disableBail: boolean, mutant?: string, activation?: string): Promise<DryRunResult> {
    try {
      context.activeMutant = activation === "static" ? mutant : undefined;
      if (!this.#loaded) await this.#mocha.loadFilesAsync();
      this.#loaded = true;
      setBail(this.#mocha.suite, !disableBail);
      context.activeMutant = mutant;
      const tests = await this.#runTests();
      return (
        determineHitLimitReached(context.hitCount, context.hitLimit) ?? {
          status: DryRunStatus.Complete,
          tests,
        }
      );
    } catch (error) {
      return { status: DryRunStatus.Error, errorMessage: String(error) };
    }
  }

  #runTests(): Promise<TestResult[]> {
    const tests: TestResult[] = [];
    return new Promise((resolve) => {
      const runner = this.#mocha.run(() => resolve(tests));
      runner.on("suite", (suite) => {
        context.currentTestId = hooksOf(suite);
      });
      runner.on("pass", (test) => {
        const [name, timeSpentMs] = [test.fullTitle(), test.duration ?? 0];
        tests.push({ id: name, name, timeSpentMs, status: TestStatus.Success });
      });
      runner.on("fail", (test, error) => {
        const name = (test.ctx?.currentTest ?? test).fullTitle();
        const failureMessage = error.message || "failed";
        tests.push({ id: name, name, timeSpentMs: 0, status: TestStatus.Failed, failureMessage });
      });
    });
  }
}

function setBail(suite: Mocha.Suite, bail: boolean): void {
  suite.bail(bail);
  for (const child of suite.suites) setBail(child, bail);
}

/** Adds the coverage of the hooks to each test that needs them. */
function giveHooksToTests(suite: Mocha.Suite, perTest: Record<string, CoverageData>): void {
  const hooks = perTest[hooksOf(suite)] ?? {};
  delete perTest[hooksOf(suite)];
  suite.eachTest((test: Mocha.Test) => {
    const own = perTest[test.fullTitle()] ?? {};
    perTest[test.fullTitle()] = own;
    for (const [mutant, hits] of Object.entries(hooks)) own[mutant] = (own[mutant] ?? 0) + hits;
  });
  for (const child of suite.suites) giveHooksToTests(child, perTest);
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, "mocha-12", MochaRunner)];
