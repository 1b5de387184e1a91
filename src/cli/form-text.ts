/**
 * Answers for programs, as JSON; as YAML in yaml-text.ts. Such a document may be looked at on a terminal as well, and what hosts and
 * people have named must not command it: characters that could are written by their numbers, which is the same document.
 */
/** Left as they are by `JSON.stringify`: controls beyond ASCII, breaks of lines, and what turns the direction of a text. */
const COMMANDING = /[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

export function jsonText(value: unknown): string {
  return byNumber(JSON.stringify(value));
}

/** The characters of a text that could command a terminal, by their numbers. */
export function byNumber(text: string): string {
  return text.replace(COMMANDING, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
