// Makes texts from records and gateways safe to print: they must not be able to send escape sequences to a terminal, to
// break a line, or to change the order in which text is displayed.

const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\ufeff]/gu;
const NAMES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Replaces control characters by escapes, as in JSON. */
export const printable = (text: string): string =>
  text.replace(
    UNSAFE,
    (character) => NAMES[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** Characters that take no column, and those that take two. */
const NARROW = /[\p{Mn}\p{Me}\p{Cf}]/u;
const WIDE =
  /[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;

/** A text and the number of columns that a terminal needs for it. */
export interface Fitted {
  readonly text: string;
  readonly width: number;
}

/** Makes a text printable, and cuts it to a number of columns; the last one is then an ellipsis. Reads no more than it needs. */
export function cutTo(text: string, columns: number): Fitted {
  let [fitted, width] = ["", 0];
  /** The longest beginning after which there is room for the ellipsis. */
  let cut: Fitted = { text: "", width: 0 };
  for (const character of text) {
    for (const shown of printable(character)) {
      const size = NARROW.test(shown) ? 0 : WIDE.test(shown) ? 2 : 1;
      if (width + size > columns) return { text: `${cut.text}…`, width: cut.width + 1 };
      fitted += shown;
      width += size;
      if (width < columns) cut = { text: fitted, width };
    }
  }
  return { text: fitted, width };
}
