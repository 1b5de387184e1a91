/** The jobs of one text: YAML parts documents by lines of `---`. */

export interface JobText {
  /** As written, comments and the line of `---` included. */
  readonly text: string;
  /** Lines of the whole text that stand before it. */
  readonly linesBefore: number;
}

/** A `---` at the beginning of a line always begins a document, also within a text of several lines: nothing of YAML has to be known. */
const MARK = /^---(?=[ \t\r\n]|$)/gm;
/** Of a line that says nothing: a mark, perhaps with a comment. */
const BARE_MARK = /^(?:---|\.\.\.)(?:$|\s+(?:#|$))/;

export function jobTexts(text: string): JobText[] {
  const starts = [...text.matchAll(MARK)].map(({ index }) => index);
  // What stands before the first mark goes with it, as comments do.
  const head = starts[0] === undefined ? text : text.slice(0, starts[0]);
  if (starts.length === 0 || !isNothing(head)) starts.unshift(0);
  else starts[0] = 0;
  const found: JobText[] = [];
  let linesBefore = 0;
  for (const [i, start] of starts.entries()) {
    const part = text.slice(start, starts[i + 1]);
    if (!isNothing(part)) found.push({ text: part, linesBefore });
    linesBefore += part.split('\n').length - 1;
  }
  return found;
}

/** Blanks, comments and marks alone are no job. */
function isNothing(text: string): boolean {
  return text.split('\n').every((line) => line.trim() === '' || line.trim().startsWith('#') || BARE_MARK.test(line));
}
