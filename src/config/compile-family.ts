// Compiles a family of adapters: creates the adapters, compiles their filters and checks their topics.

import type { AdapterFamily, AdapterSettings, TopicUse } from "../core/adapter.ts";
import type { Expression } from "../core/expressions.ts";
import type { Options } from "../core/options.ts";
import { reservedReason, unwritableReason } from "../core/topics.ts";
import type { Compiler } from "./compiler.ts";

/** An adapter that is ready to run. */
export interface CompiledAdapter<Made, Common extends Options> {
  readonly name: string;
  readonly settings: AdapterSettings<Common>;
  readonly adapter: Made;
  /** The compiled option `filter`; undefined when it is not set or the family has no such option. */
  readonly filter: Expression | undefined;
  /** The topics that it reads or writes. */
  readonly topics: readonly TopicUse[];
}

/** @param section the family's section in the configuration @returns the adapters by name */
export function compileFamily<Made, Common extends Options>(
  family: AdapterFamily<Made, Common>,
  section: string,
  settings: Readonly<Record<string, AdapterSettings<Common>>>,
  namespace: string,
  compiler: Compiler,
): ReadonlyMap<string, CompiledAdapter<Made, Common>> {
  const compiled = new Map<string, CompiledAdapter<Made, Common>>();
  for (const [name, own] of compiler.entries(settings)) {
    const at = [section, name];
    const adapter = compiler.create(family, at, own);
    const source = "filter" in family.common ? (own as { readonly filter?: string }).filter : undefined;
    const filter = compiler.expression([...at, "filter"], source);
    const topics = family.topicsOf(own, adapter);
    for (const { topic, option, access } of topics) {
      const place = option === undefined ? at : [...at, option];
      const reasonAgainst = access === "read" ? reservedReason : unwritableReason;
      compiler.checkTopic(place, topic, (named) => reasonAgainst(named, namespace));
    }
    if (adapter !== undefined) compiled.set(name, { name, settings: own, adapter, filter, topics });
  }
  return compiled;
}
