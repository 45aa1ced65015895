// Checks the headers of the configuration when it is loaded: with an invalid one, every request would fail.

import { validateHeaderName, validateHeaderValue } from "node:http";

/**
 * Checks names and values as RFC 9110, sections 5.1 and 5.5, defines them. Placeholders such as {cursor} are valid.
 *
 * @throws Error that names the header, and does not quote its value
 */
export function checkHeaders(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers))
    if (!isValid(name, value))
      throw new Error(
        `headers: ${JSON.stringify(name.slice(0, 60))} or its value is not valid in a request: HTTP does not allow line ends and other control characters, characters beyond U+00FF in a value, or whitespace at its ends`,
      );
}

function isValid(name: string, value: string): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return value === value.trim();
  } catch {
    return false;
  }
}
