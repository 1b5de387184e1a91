/**
 * Signs of ASCII in another form: with an input method for Chinese or Japanese on, somebody types a full-width ＝ or ： and sees what was
 * meant. Such a sign parts nothing, and is never taken for the other: whoever misses the sign is told which one stands there.
 */

/** `, with "=" and not with "＝" (U+FF1D)`: what a refusal of `text` adds where `sign` stands in it in another form; else nothing. */
export function insteadOf(sign: string, text: string): string {
  const found = otherFormOf(sign, text);
  return found === undefined ? '' : `, with ${JSON.stringify(sign)} and not with ${found}`;
}

/** The first other form of `sign` in the text, in quotes and with its code. */
export function otherFormOf(sign: string, text: string): string | undefined {
  for (const char of text)
    if (char > '\x7f' && char.normalize('NFKC') === sign)
      return `${JSON.stringify(char)} (U+${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')})`;
  return undefined;
}
