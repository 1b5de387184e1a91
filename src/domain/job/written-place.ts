/**
 * Where something that stands in a value stands in the text of the job: a value is not written as it is read, but in quotes, over several
 * lines or as a block. Blanks aside its characters stand there in their order. Pure.
 */
import type { TreeNode } from './document-tree.ts';

/** From an offset into a text of the job to one into the job. */
export function writtenPlace(job: string, { at, end, value }: TreeNode): (offset: number) => number {
  const written = job.slice(at, end);
  const read = String(value);
  const same = written.indexOf(read);
  if (same >= 0) return (offset) => at + same + offset;
  return (offset) => at + aligned(written, read, offset);
}

function aligned(written: string, read: string, offset: number): number {
  // The first line of a block says how it is written, and nothing of it.
  let place = /^[|>][^\n]*\n/.exec(written)?.[0].length ?? 0;
  const quote = written[0] === '"' || written[0] === "'" ? written[0] : undefined;
  if (quote) place = 1;
  for (let n = 0; n < read.length && place < written.length; n++) {
    if (isBlank(read[n]!)) {
      if (n >= offset) return place;
      continue;
    }
    while (place < written.length && isBlank(written[place]!)) place++;
    if (n >= offset) return place;
    // A sign of the text's own is written with another before it.
    const isEscaped = quote === '"' ? written[place] === '\\' : quote === "'" && written.startsWith("''", place);
    place += isEscaped ? 2 : 1;
  }
  return Math.min(place, written.length);
}

function isBlank(char: string): boolean {
  return /\s/.test(char);
}
