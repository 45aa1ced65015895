// The garbage collector, for tests of what is let go.

import v8 from "node:v8";
import vm from "node:vm";

/** Collects all garbage; there is no other way to see that something is let go. */
export function collectGarbage(): void {
  v8.setFlagsFromString("--expose-gc");
  vm.runInNewContext("gc")();
}
