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

/** At most three, the nearest first; none when none is near. */
export function nearest(word: string, words: readonly string[]): string[] {
  const plain = word.toLowerCase();
  const same = SAME.find((names) => names.includes(plain)) ?? [];
  const most = Math.max(1, Math.floor(plain.length / 3));
  return words
    .map((one) => ({ one, far: same.includes(one) ? 0 : distance(plain, one.toLowerCase()) }))
    .filter(({ one, far }) => far <= most || (plain.length >= 3 && one.toLowerCase().startsWith(plain)))
    .sort((a, b) => a.far - b.far)
    .slice(0, 3)
    .map(({ one }) => one);
}

/** Letters to put in, take out, change, or exchange with their neighbour. */
function distance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i, ...Array<number>(b.length).fill(0)]);
  for (let j = 1; j <= b.length; j++) rows[0]![j] = j;
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(rows[i - 1]![j]! + 1, rows[i]![j - 1]! + 1, rows[i - 1]![j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, rows[i - 2]![j - 2]! + 1);
      rows[i]![j] = least;
    }
  return rows[a.length]![b.length]!;
}

/** `Did you mean …?`, or nothing. */
export function meantText(found: readonly string[]): string {
  return found.length === 0 ? '' : ` Did you mean ${found.join(' or ')}?`;
}
