import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compactHosts, countsLine, createPaint, foldedText, progressLine, table } from './render.ts';

const plain = createPaint(false);

describe('hosts in short', () => {
  it.each([
    [['web-1', 'web-2', 'web-3', 'db-1'], 'web-[1-3] db-1'],
    [['a1', 'a2', 'a4'], 'a[1,2,4]'],
    [['n01', 'n02', 'n03', 'n1'], 'n[01-03] n1'],
    [['solo'], 'solo'],
    [['r1.dc', 'r2.dc', 'r3.dc', 'r1.eu'], 'r[1-3].dc r1.eu'],
    [[], ''],
  ])('%j', (hosts, text) => expect(compactHosts(hosts)).toBe(text));

  it('names every host once', () => {
    fc.assert(fc.property(fc.uniqueArray(fc.nat(30), { maxLength: 20 }), (numbers) => {
      const text = compactHosts(numbers.map((n) => `h${n}x`));
      const inside = /\[(.*)\]/.exec(text)?.[1] ?? text.replace(/[hx]/g, '').replaceAll(' ', ',');
      const named = inside.split(',').filter(Boolean).flatMap((part) => {
        const [from, to] = part.split('-').map(Number) as [number, number | undefined];
        return Array.from({ length: (to ?? from) - from + 1 }, (_, i) => from + i);
      });
      expect(named.sort((a, b) => a - b)).toEqual([...numbers].sort((a, b) => a - b));
    }));
  });
});

describe('a run on the terminal', () => {
  it('counts in a fixed order, only what there is', () => expect(countsLine({ waiting: 1, failed: 2, succeeded: 3, lost: 0 }, plain)).toBe('3 succeeded, 2 failed, 1 waiting'));
  it('draws its progress', () => expect(progressLine({ succeeded: 5, running: 5 }, 10, 80, plain)).toMatch(/^█{10}░{10} 5\/10 {2}5 succeeded, 5 running$/));
  it('shows equal output once and says what is left out', () => {
    const text = foldedText([{ ending: { state: 'failed', exitCode: 3 }, hosts: ['a1', 'a2'], count: 5, stdout: 'x\n', stderr: 'oops\n', stdoutGap: 7, stderrGap: 0 }], plain);
    expect(text).toBe('── a[1,2] … and 3 more (5) failed, exit 3\nx\n… 7 bytes between head and tail are on the host (drover runs output --full)\nstderr:\noops');
  });
  it('lines up columns', () => expect(table(['A', 'LONG'], [['aaa', 'b']])).toBe('A    LONG\naaa  b'));
});
