/** Which of the words that there are was meant by one that there is not. */

/** Other names of the same deed, as other tools have them. */
const SAME: readonly (readonly string[])[] = [
  ['remove', 'rm', 'delete', 'del', 'destroy', 'forget'],
  ['list', 'ls', 'all'],
  ['show', 'get', 'describe', 'info', 'view', 'inspect', 'status', 'cat'],
  ['create', 'add', 'new', 'make'],
  ['cancel', 'stop', 'kill', 'abort', 'end'],
  ['output', 'log', 'logs', 'tail'],
  ['watch', 'follow', 'attach', 'wait'],
  ['retry', 'rerun', 'again', 'restart'],
  ['edit', 'set', 'change', 'update', 'modify'],
  ['use', 'switch', 'select'],
  ['test', 'ping', 'check', 'probe'],
  ['label', 'tag'],
  ['run', 'exec'],
  ['up', 'start', 'serve'],
  ['login', 'auth', 'signin'],
];

/** Nobody means another word by a longer one, and a longer one is meant by what it begins with alone. */
const WORD_LENGTH_MAX = 40;
/** So many words are compared at most; of more, none is meant. */
const WORDS_MAX = 500;
/** Letters that may be wrong, however long a word is. */
const WRONG_MAX = 6;

/**
 * At most three, the nearest first; none when none is near. Words and their numbers may be a stranger's: a word takes half a
 * millisecond at most.
 */
export function nearest(word: string, words: readonly string[]): string[] {
  if (word.length > WORD_LENGTH_MAX || words.length > WORDS_MAX) return [];
  const plain = word.toLowerCase();
  const same = SAME.find((names) => names.includes(plain)) ?? [];
  const most = Math.min(WRONG_MAX, Math.max(1, Math.floor(plain.length / 3)));
  return words
    .map((one) => ({ one, far: same.includes(one) ? 0 : farness(plain, one, most) }))
    .filter(({ far }) => far < Infinity)
    .sort((a, b) => a.far - b.far)
    .slice(0, 3)
    .map(({ one }) => one);
}

/** Infinity: it is not meant. */
function farness(plain: string, one: string, most: number): number {
  const longer = one.length - plain.length;
  if (Math.abs(longer) > most || one.length > WORD_LENGTH_MAX)
    return plain.length >= 3 && longer > 0 && one.slice(0, plain.length).toLowerCase() === plain ? longer : Infinity;
  const other = one.toLowerCase();
  const far = distance(plain, other, most);
  return far <= most ? far : plain.length >= 3 && other.startsWith(plain) ? longer : Infinity;
}

/**
 * Letters to put in, take out, change, or exchange with their neighbour. Beyond `most` it is only said to be more: words that are
 * as far from each other anywhere are not looked at further.
 */
function distance(a: string, b: string, most: number): number {
  let [before, last]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = Array<number>(b.length + 1).fill(most + 1);
    let least = (row[0] = i);
    for (let j = Math.max(1, i - most); j <= Math.min(b.length, i + most); j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let far = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) far = Math.min(far, before[j - 2]! + 1);
      row[j] = far;
      least = Math.min(least, far);
    }
    if (least > most) return most + 1;
    [before, last] = [last, row];
  }
  return last[b.length]!;
}

/** `Did you mean …?`, or nothing. */
export function meantText(found: readonly string[]): string {
  return found.length === 0 ? '' : ` Did you mean ${found.join(' or ')}?`;
}
