// Validates the configuration with its schema. Every violation is reported, with its path and the fix.
// Messages contain no values, since a value may be a secret.

import { Ajv, type ErrorObject } from "ajv";
import { messageOf } from "../core/errors.ts";
import { compileExpression } from "../core/expressions.ts";
import { escapeName } from "../core/json-pointer.ts";
import type { SchemaPart } from "../core/options.ts";
import { parseDuration, parseSize } from "../core/units.ts";
import { readNamedFile } from "./read-file.ts";

/** One violation of the schema. */
export interface Violation {
  /** JSON Pointer to the option. */
  readonly at: string;
  readonly message: string;
  /** True for an unknown key: the object that contains it is still compiled. */
  readonly unknownKey: boolean;
}

/** Validates `settings` and fills in defaults. @param folder the folder that paths are relative to */
export function validate(schema: SchemaPart, settings: unknown, folder: string): Violation[] {
  const ajv = new Ajv({
    allErrors: true,
    useDefaults: true,
    discriminator: true,
    strict: true,
    strictRequired: false,
    strictTypes: false,
    verbose: true,
    logger: false,
  });
  const faults = formatFaults(folder);
  for (const [format, faultOf] of Object.entries(faults))
    ajv.addFormat(format, (text: string) => faultOf(text) === undefined);
  const check = ajv.compile(schema);
  if (check(settings)) return [];
  // "if" and "propertyNames" only summarize other errors, which are reported themselves.
  const errors = (check.errors ?? []).filter(
    ({ keyword }) => keyword !== "if" && keyword !== "propertyNames",
  );
  return errors.filter((error) => !repeats(error, errors)).map((error) => violation(error, faults));
}

/**
 * Whether an error only repeats another one: a format of text that is empty or does not match a pattern, or a
 * choice ("oneOf", "const") when another error says what is wrong with one of its shapes.
 */
function repeats({ keyword, instancePath: at }: ErrorObject, errors: readonly ErrorObject[]): boolean {
  if (keyword === "format")
    return errors.some((each) => ["minLength", "pattern"].includes(each.keyword) && each.instancePath === at);
  if (keyword !== "oneOf" && keyword !== "const") return false;
  return errors.some(
    (each) => each.instancePath.startsWith(`${at}/`) || (each.instancePath === at && isSpecific(each)),
  );
}

const isSpecific = ({ keyword }: ErrorObject): boolean => !["oneOf", "const", "type"].includes(keyword);

type FormatFaults = Readonly<Record<string, (text: string) => string | undefined>>;

/** @returns one function per format; it returns the fault of a text, or undefined for a valid text */
function formatFaults(folder: string): FormatFaults {
  const thrown = (work: () => unknown): string | undefined => {
    try {
      work();
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  };
  return {
    "duration-onramp": (text) =>
      parseDuration(text) === undefined ? 'must be a duration such as "500ms", "30s" or "5m"' : undefined,
    "size-onramp": (text) =>
      parseSize(text) === undefined ? 'must be a size such as "64kB" or "10MB"' : undefined,
    "url-onramp": urlFault,
    "secret-onramp": (text) =>
      text.trim() === "" ? "must not consist of whitespace only; set the secret" : undefined,
    "token-onramp": (text) =>
      /^[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff]$/.test(text)
        ? undefined
        : "is sent in a header, so it must not contain line ends, other control characters, or characters beyond U+00FF, or end with whitespace; remove them",
    "file-onramp": (text) => thrown(() => readNamedFile(folder, text)),
    "jsonata-onramp": (text) => thrown(() => compileExpression(text)),
  };
}

function urlFault(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // The URL class ignores control characters, so that the URL that is called would not be the one that was set.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these characters are what it looks for
  if (!url || !/^https?:$/.test(url.protocol) || /[\0-\x1f\x7f]/.test(text.trim()))
    return "must be an http or https URL";
  return url.username === "" && url.password === ""
    ? undefined
    : "must be a URL without user and password; set them with the options for credentials, such as headers, oauth2 or clientSecret";
}

function violation(error: ErrorObject, faults: FormatFaults): Violation {
  const { instancePath: at, keyword, params, parentSchema, data } = error;
  const found = (message: string, where = at): Violation => ({ at: where, message, unknownKey: false });
  const below = (name: unknown) => `${at}/${escapeName(String(name))}`;
  if (error.propertyName !== undefined)
    return found(
      `is not a valid name; a name has ${String(parentSchema?.["description"])}`,
      below(error.propertyName),
    );
  switch (keyword) {
    case "additionalProperties": {
      const known = Object.keys((parentSchema?.["properties"] as object | undefined) ?? {}).join(", ");
      return {
        at: below(params["additionalProperty"]),
        message: `unknown key; the keys here are ${known}`,
        unknownKey: true,
      };
    }
    case "type":
      return found(`must be of type ${String(params["type"])}`);
    case "required":
      return found("is missing", below(params["missingProperty"]));
    case "format":
      return found(faults[String(params["format"])]?.(String(data)) ?? "is not valid");
    case "enum":
      return found(`must be one of ${(params["allowedValues"] as unknown[]).join(", ")}`);
    case "discriminator":
      return found(
        `must be one of ${tags(parentSchema, String(params["tag"])).join(", ")}`,
        `${at}/${String(params["tag"])}`,
      );
    case "const":
    case "oneOf": {
      const description = String(parentSchema?.["description"] ?? "schemas/onramp.json");
      return found(`is not valid; see the description of the key: ${description}`);
    }
    default:
      return found(error.message ?? "is not valid");
  }
}

function tags(schema: SchemaPart | undefined, tag: string): string[] {
  const kinds = (schema?.["oneOf"] ?? []) as { properties: Record<string, { enum?: string[] }> }[];
  return kinds.flatMap(({ properties }) => properties[tag]?.enum ?? []);
}
