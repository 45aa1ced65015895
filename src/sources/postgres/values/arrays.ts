// Arrays, as PostgreSQL writes them: `{1,2,NULL}`, `{{a,"b c"},{d,e}}`, `[0:1]={1,2}`.

const OPEN = 0x7b;
const CLOSE = 0x7d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * JSON of an array; an array of several dimensions is nested. Lower bounds are lost.
 *
 * @param delimiter the character code between elements
 * @param elementJson JSON of an element
 */
export function arrayJson(text: string, delimiter: number, elementJson: (text: string) => string): string {
  let at = text.startsWith("[") ? text.indexOf("=") + 1 : 0;
  let json = "";
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === OPEN || code === CLOSE || code === delimiter) {
      json += code === OPEN ? "[" : code === CLOSE ? "]" : ",";
      at++;
    } else if (code === QUOTE) {
      const end = endOfQuoted(text, at);
      json += elementJson(withoutEscapes(text.slice(at + 1, end)));
      at = end + 1;
    } else {
      const end = endOfPlain(text, at, delimiter);
      const element = text.slice(at, end);
      json += element === "NULL" ? "null" : elementJson(element);
      at = end;
    }
  }
  return json;
}

/** JSON of an `int2vector` or `oidvector`, such as `1 2 3`. */
export const vectorJson = (text: string, elementJson: (text: string) => string): string =>
  text === "" ? "[]" : `[${text.split(" ").map(elementJson).join(",")}]`;

/** The position of the quote that ends an element. */
function endOfQuoted(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at;
}

/** The position after an element without quotes. */
function endOfPlain(text: string, start: number, delimiter: number): number {
  let at = start;
  while (at < text.length && text.charCodeAt(at) !== delimiter && text.charCodeAt(at) !== CLOSE) at++;
  return at;
}

const withoutEscapes = (text: string): string =>
  text.includes("\\") ? text.replaceAll(/\\(.)/gs, "$1") : text;
