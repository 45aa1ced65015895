// mocha's spec reporter, and its counts in the file that ONRAMP_REPORT names.
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
