/** Text of strangers as it may stand in a message: lines that say something, without what is not seen or turns the text about. */

/** Controls, but for the tab; what turns the direction of a text; sequences that colour it. */
const UNSEEN = /\u001b\[[0-9;?]*[A-Za-z]|[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu;

export function plainLines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.replaceAll('\t', ' ').replace(UNSEEN, '').trimEnd())
    .filter((line) => line.trim() !== '');
}
