// The names in JSON Pointers (RFC 6901, section 3).

/** Escapes a name, for use between the slashes of a pointer. */
export const escapeName = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");

/** Reads a name between the slashes of a pointer. */
export const unescapeName = (text: string): string => text.replaceAll("~1", "/").replaceAll("~0", "~");
