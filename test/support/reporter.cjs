// mocha's spec reporter, which also writes its counts to the file in ONRAMP_REPORT.
const { writeFileSync } = require("node:fs");
const Mocha = require("mocha");

class Reporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once("end", () => {
      const file = process.env.ONRAMP_REPORT;
      if (file) writeFileSync(file, JSON.stringify({ stats: this.stats }));
    });
  }
}
module.exports = Reporter;
