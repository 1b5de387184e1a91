/**
 * How one text becomes another, line by line (Myers). Its cost grows with the lines times those that differ; where more differ than a
 * person would look at, the middle is told as one: all of it went, all of it came.
 */
import { jobLimits } from '../../base/job-limits.ts';

export interface DiffLine {
  readonly kind: 'same' | 'removed' | 'added';
  readonly text: string;
}

export function textDiff(before: string, after: string): DiffLine[] {
  const [from, to] = [before.split('\n'), after.split('\n')];
  let head = 0;
  while (head < from.length && head < to.length && from[head] === to[head]) head++;
  let tail = 0;
  while (tail < from.length - head && tail < to.length - head && from.at(-1 - tail) === to.at(-1 - tail)) tail++;
  const line =
    (kind: DiffLine['kind']) =>
    (text: string): DiffLine => ({ kind, text });
  return [
    ...from.slice(0, head).map(line('same')),
    ...middle(from.slice(head, from.length - tail), to.slice(head, to.length - tail)),
    ...from.slice(from.length - tail).map(line('same')),
  ];
}

function middle(from: readonly string[], to: readonly string[]): DiffLine[] {
  const numbers = new Map<string, number>();
  const numbered = (lines: readonly string[]): Int32Array =>
    Int32Array.from(lines, (text) => {
      const number = numbers.get(text) ?? numbers.size;
      numbers.set(text, number);
      return number;
    });
  const trace = shortestWay(numbered(from), numbered(to));
  if (trace === undefined)
    return [
      ...from.map((text): DiffLine => ({ kind: 'removed', text })),
      ...to.map((text): DiffLine => ({ kind: 'added', text })),
    ];
  const lines: DiffLine[] = [];
  let [x, y] = [from.length, to.length];
  for (let d = trace.length - 1; d >= 0; d--) {
    const reach = trace[d]!;
    const k = x - y;
    const isDown = k === -d || (k !== d && reach[k - 1 + d]! < reach[k + 1 + d]!);
    const previousK = isDown ? k + 1 : k - 1;
    const previousX = d === 0 ? 0 : reach[previousK + d]!;
    const previousY = d === 0 ? 0 : previousX - previousK;
    while (x > previousX && y > previousY && x > 0 && y > 0) {
      lines.push({ kind: 'same', text: from[--x]! });
      y--;
    }
    if (d === 0) break;
    if (isDown) lines.push({ kind: 'added', text: to[--y]! });
    else lines.push({ kind: 'removed', text: from[--x]! });
  }
  return lines.reverse();
}

/**
 * Of lines by their numbers. For each number of edits how far each diagonal had come before it, from -d to d; undefined
 * where there are too many edits.
 */
function shortestWay(from: Int32Array, to: Int32Array): Int32Array[] | undefined {
  const trace: Int32Array[] = [];
  const most = Math.min(from.length + to.length, jobLimits.jobDiffLinesMax);
  let reach = new Int32Array(3);
  for (let d = 0; d <= most; d++) {
    // Diagonal k is at k + d in what came before, which is as wide as this round looks.
    trace.push(reach);
    const next = new Int32Array(2 * d + 5);
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && reach[k - 1 + d]! < reach[k + 1 + d]!);
      let x = d === 0 ? 0 : down ? reach[k + 1 + d]! : reach[k - 1 + d]! + 1;
      let y = x - k;
      while (x < from.length && y < to.length && from[x] === to[y]) [x, y] = [x + 1, y + 1];
      next[k + d + 1] = x;
      if (x >= from.length && y >= to.length) return trace;
    }
    reach = next;
  }
  return undefined;
}
