// Tokens as they are printed: what cannot be seen gets a sign.

/** The ends of lines and tabs get their signs; a space stays a space. */
export function printed(token: string): string {
  return token.replace(/\n/g, "↵").replace(/\t/g, "⇥").replace(/\r/g, "␍");
}

/** A token that stands alone in a column: a space is seen too. */
export function glyph(token: string): string {
  return token === " " ? "·" : printed(token);
}

/** A token named in running text: a space must be seen. */
export function named(token: string): string {
  return token === " " ? "␣" : printed(token);
}
