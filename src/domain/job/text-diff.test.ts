import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jobLimits } from '../../base/job-limits.ts';
import { textDiff } from './text-diff.ts';

const short = (before: string, after: string): string =>
  textDiff(before, after)
    .map(({ kind, text }) => `${{ same: ' ', removed: '-', added: '+' }[kind]}${text}`)
    .join('|');

describe('the difference of two texts', () => {
  it.each<[string, string, string]>([
    ['a\nb\nc', 'a\nb\nc', ' a| b| c'],
    ['a\nb\nc', 'a\nx\nc', ' a|-b|+x| c'],
    ['a\nc', 'a\nb\nc', ' a|+b| c'],
    ['a\nb\nc', 'a\nc', ' a|-b| c'],
    ['', 'a', '-|+a'],
    ['a\nb\na\nb', 'b\na\nb\na', '-a| b| a| b|+a'],
  ])('%j %j', (before, after, told) => expect(short(before, after)).toBe(told));

  it('makes the one of the other, whatever they are, and tells no more than there is', () => {
    const text = fc.array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 12 }).map((lines) => lines.join('\n'));
    fc.assert(
      fc.property(text, text, (before, after) => {
        const lines = textDiff(before, after);
        const side = (kind: 'removed' | 'added'): string =>
          lines.flatMap((line) => (line.kind === 'same' || line.kind === kind ? [line.text] : [])).join('\n');
        expect([side('removed'), side('added')]).toEqual([before, after]);
        if (before === after) expect(lines.every(({ kind }) => kind === 'same')).toBe(true);
      }),
      { numRuns: 400 },
    );
  });

  it('tells as one what differs in more lines than anybody looks at', () => {
    const lines = (count: number, word: string): string =>
      Array.from({ length: count }, (_, i) => `${i % 2 ? 'same' : word}${i}`).join('\n');
    const same = (count: number): number =>
      textDiff(lines(count, 'a'), lines(count, 'b')).filter(({ kind }) => kind === 'same').length;
    // Each other line is removed and added.
    expect(same(jobLimits.jobDiffLinesMax)).toBe(jobLimits.jobDiffLinesMax / 2);
    expect(same(jobLimits.jobDiffLinesMax + 2)).toBe(1);
  });
});
