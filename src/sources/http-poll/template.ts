// Fills `{cursor}` and `{page}` in the URL, the headers and the body of a request.

import { headerValue } from "../parts/api-calls.ts";

/** The values for the placeholders; undefined for a value that does not exist yet. */
export interface TemplateValues {
  readonly cursor: string | undefined;
  readonly page: string | undefined;
}

const PLACEHOLDER = /\{(cursor|page)\}/g;

/** Whether a text contains the placeholder. */
export const uses = (name: keyof TemplateValues, text: string | undefined): boolean =>
  text?.includes(`{${name}}`) ?? false;

/**
 * Fills the placeholders of a URL. A parameter of the query whose placeholder has no value is left out.
 *
 * @throws TypeError when the result is not a URL
 */
export function fillUrl(template: string, values: TemplateValues): URL {
  const [start = "", ...queries] = template.split("?");
  const query = queries
    .join("?")
    .split("&")
    .filter((parameter) => !lacksValue(parameter, values))
    .map((parameter) => fill(parameter, values, encodeURIComponent))
    .join("&");
  return new URL(fill(start, values, encodeURIComponent) + (query === "" ? "" : `?${query}`));
}

/** Fills the placeholders of headers. A header whose placeholder has no value is left out. */
export const fillHeaders = (
  headers: Readonly<Record<string, string>>,
  values: TemplateValues,
): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers)
      .filter(([, value]) => !lacksValue(value, values))
      .map(([name, value]) => [name.toLowerCase(), fill(value, values, headerValue)]),
  );

/** Fills the placeholders of a body. Values are escaped as the content type requires; a missing value is empty. */
export function fillBody(template: string, values: TemplateValues, contentType: string): string {
  if (/[/+]json\b/i.test(contentType))
    return fill(template, values, (value) => JSON.stringify(value).slice(1, -1));
  if (/x-www-form-urlencoded/i.test(contentType)) return fill(template, values, encodeURIComponent);
  return fill(template, values, String);
}

const fill = (template: string, values: TemplateValues, encode: (value: string) => string): string =>
  template.replaceAll(PLACEHOLDER, (_, name: keyof TemplateValues) => encode(values[name] ?? ""));

const lacksValue = (text: string, values: TemplateValues): boolean =>
  [...text.matchAll(PLACEHOLDER)].some(([, name]) => values[name as keyof TemplateValues] === undefined);
