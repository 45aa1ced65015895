// The register of source kinds. A new kind needs a file or folder, and an import and an entry here.

import type { SourceKind } from "../core/source.ts";
import { clock } from "./clock.ts";
import { sample } from "./sample.ts";

export const sourceKinds: readonly SourceKind[] = [clock, sample];
