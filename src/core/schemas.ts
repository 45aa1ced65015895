// Compiles the JSON Schemas of topics and validates values. Supports draft 2020-12, and draft-07 by
// `$schema`.

import { Ajv, type ErrorObject, type KeywordDefinition, type ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { canonicalNumber, decimalOf, isIntegral } from "./decimal.ts";
import { type ErrorDetail, messageOf } from "./errors.ts";
import { type ExactValue, printExactly } from "./json-numbers.ts";
import { compilePattern } from "./linear-pattern.ts";
import { exactKeywords } from "./schema-numbers.ts";
import { Parts, SharedParts } from "./schema-parts.ts";
import {
  comparingKeywords,
  inheritNothing,
  type Keyword,
  requireOwnReferences,
  withoutProto,
} from "./schema-repairs.ts";
import { boundWork, type Steps, TooManySteps } from "./schema-steps.ts";

const DRAFT_07 = "http://json-schema.org/draft-07/schema";
const DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema";
/** For larger values only the first violation is listed: a hostile value could have millions. */
const MAX_FULL_LIST_BYTES = 256 * 1024;
const MAX_VIOLATIONS = 20;
/** The steps of a validation: enough for 20 references per value of a common record, and less than 0.1 s for a small one. */
const MIN_STEPS = 50_000;
const STEPS_PER_BYTE = 2;
/** The steps in which all violations are listed; otherwise only the first is. */
const LIST_STEPS = 10_000;

/** A compiled schema of a topic. */
export interface TopicSchema {
  /** The document as JSON, with all digits of its numbers; served at `/topics/{topic}/schema`. */
  readonly json: string;
  /** @returns the violations of a value of `size` bytes; undefined when the value is valid */
  violations(value: unknown, size: number): ErrorDetail[] | undefined;
  /**
   * The same for a value with numbers that JavaScript would round. Compares all numbers as they were sent; much
   * slower than `violations`.
   */
  exactViolations(value: ExactValue, size: number): ErrorDetail[] | undefined;
}

/** The error for a schema that cannot be used. The message names the schema and the reason. */
export class SchemaError extends Error {
  override readonly name = "SchemaError";
}

/**
 * Compiles a schema document.
 *
 * @param name the name of the schema in messages, such as its file name
 * @param exact the document in which the numbers that JavaScript would round are strings; default: it has no such
 *   numbers
 * @throws SchemaError when the schema is not valid, is incomplete, uses an unsupported draft, or contains a
 *   fraction that JavaScript would round or a number outside its range
 */
export function compileSchema(document: unknown, name: string, exact: unknown = document): TopicSchema {
  requireComparable(document, exact, "", name);
  const [own, ownExact] = [repaired(document, name), repaired(exact, name)];
  const [first, all] = [compile(own, name, false), compile(own, name, true)];
  const json = printExactly(document, exact);
  let exactly: { readonly first: ValidateFunction; readonly all: ValidateFunction } | undefined;
  const exactViolations: TopicSchema["exactViolations"] = (value, size) => {
    exactly ??= {
      first: compile(own, name, false, exactKeywords(own, ownExact)),
      all: compile(own, name, true, exactKeywords(own, ownExact)),
    };
    return violationsBy(exactly.first, exactly.all, { size, value: value.rounded, steps: new Parts(value) });
  };
  // The messages contain the numbers of the schema.
  const isExact = json === JSON.stringify(document);
  return {
    json,
    violations: (value, size) =>
      isExact
        ? violationsBy(first, all, { size, value, steps: new SharedParts() })
        : exactViolations({ rounded: value, exact: value }, size),
    exactViolations,
  };
}

/** @throws SchemaError */
function repaired(document: unknown, name: string): unknown {
  try {
    const own = withoutProto(document);
    requireOwnReferences(own);
    return own;
  } catch (error) {
    throw invalid(name, error);
  }
}

interface Validation {
  readonly value: unknown;
  /** In bytes. */
  readonly size: number;
  /** The context of the validators. */
  readonly steps: Steps;
}

/** @param all finds all violations, which takes longer */
function violationsBy(
  first: ValidateFunction,
  all: ValidateFunction,
  { value, size, steps }: Validation,
): ErrorDetail[] | undefined {
  const errorsOf = (validate: ValidateFunction, most: number): ErrorObject[] | TooManySteps | undefined => {
    steps.begin(most);
    try {
      return validate.call(steps as unknown as Ajv, value) ? undefined : (validate.errors ?? []);
    } catch (error) {
      if (error instanceof TooManySteps) return error;
      throw error;
    }
  };
  const most = MIN_STEPS + STEPS_PER_BYTE * size;
  const found = errorsOf(first, most);
  if (found === undefined) return undefined;
  if (found instanceof TooManySteps) return [tooComplex(most)];
  const listed = size > MAX_FULL_LIST_BYTES ? found : errorsOf(all, LIST_STEPS);
  return (Array.isArray(listed) ? listed : found).slice(0, MAX_VIOLATIONS).map(toDetail);
}

const tooComplex = (steps: number): ErrorDetail => ({
  error_code: 42206,
  pointer: "",
  keyword: "$ref",
  message: `takes more than ${steps} steps to validate, because branches of the schema (anyOf, oneOf, if) refer to it again; send a value with fewer levels, or give each branch a member that only it accepts`,
});

/** The formats whose regular expressions take quadratic time, and the longest text that they accept, in characters. */
const SLOW_FORMATS = ["url", "uri-reference"] as const;
const MAX_URL = 4096;

/** The engine of `pattern` and `patternProperties`. `code` is used only when ajv writes its code to files. */
const linearPattern = Object.assign((source: string) => compilePattern(source), { code: "linearPattern" });

function compile(
  document: unknown,
  name: string,
  allErrors: boolean,
  keywords: readonly Keyword[] = comparingKeywords,
): ValidateFunction {
  if (
    typeof document !== "boolean" &&
    (typeof document !== "object" || document === null || Array.isArray(document))
  ) {
    throw new SchemaError(`${name}: a JSON Schema must be an object, true or false.`);
  }
  const dialect = typeof document === "object" ? (document as { $schema?: unknown }).$schema : undefined;
  const draft = typeof dialect === "string" ? dialect.replace(/#$/, "") : DRAFT_2020;
  if (draft !== DRAFT_07 && draft !== DRAFT_2020) {
    throw new SchemaError(
      `${name}: "$schema" is ${JSON.stringify(dialect)}; Onramp supports draft 2020-12 and draft-07.`,
    );
  }
  if (typeof document === "object" && "$async" in document)
    throw new SchemaError(`${name}: "$async" schemas are not supported.`);
  const options = {
    allErrors,
    strict: true,
    strictTypes: false,
    strictRequired: false,
    strictTuples: false,
    logger: false,
    ownProperties: true,
    code: { process: (code: string) => boundWork(inheritNothing(code)), regExp: linearPattern },
    // The keywords that compare values share the parts of the whole value as context. They do not apply to the document itself.
    passContext: true,
    validateSchema: keywords === comparingKeywords,
  } as const;
  const ajv = draft === DRAFT_07 ? new Ajv(options) : new Ajv2020(options);
  addFormats.default(ajv);
  for (const name of SLOW_FORMATS) {
    const own = ajv.formats[name] as RegExp;
    ajv.addFormat(name, (text: string) => text.length <= MAX_URL && own.test(text));
  }
  for (const keyword of keywords)
    ajv.removeKeyword(keyword.keyword).addKeyword({ ...keyword } as KeywordDefinition);
  try {
    return ajv.compile(document);
  } catch (error) {
    throw invalid(name, error);
  }
}

const invalid = (name: string, cause: unknown): SchemaError =>
  new SchemaError(`${name}: ${messageOf(cause)}. A schema must be valid and must not refer to other files.`, {
    cause,
  });

/**
 * Refuses a number that may compare differently with other numbers after it is rounded. An integer above 2^53 - 1 is
 * rounded to another one above it, so it is allowed.
 */
function requireComparable(document: unknown, exact: unknown, pointer: string, name: string): void {
  if (typeof document === "number" && typeof exact === "string" && !isComparable(document, exact))
    throw new SchemaError(
      `${name}#${pointer}: JavaScript cannot represent the number ${exact}; use 0, or a number with at most 15 significant digits and an absolute value from 1e-307 to 1.7e308.`,
    );
  if (typeof document !== "object" || document === null) return;
  for (const [key, inner] of Object.entries(document))
    requireComparable(inner, (exact as Record<string, unknown>)[key], `${pointer}/${key}`, name);
}

const isComparable = (rounded: number, exact: string): boolean =>
  Number.isFinite(rounded) &&
  (isIntegral(decimalOf(exact)) || canonicalNumber(exact) === canonicalNumber(String(rounded)));

function toDetail(error: ErrorObject): ErrorDetail {
  const extra =
    error.keyword === "additionalProperties" ? `: "${String(error.params["additionalProperty"])}"` : "";
  return {
    error_code: 42206,
    pointer: error.instancePath,
    keyword: error.keyword,
    message: `${error.message ?? "is not valid"}${extra}`,
  };
}
