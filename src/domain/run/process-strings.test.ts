import { describe, expect, it } from 'vitest';
import { limits } from '../../base/limits.ts';
import { stringFaults } from './process-strings.ts';

const none = { args: [], env: {}, params: {}, secrets: {} };
const most = limits.argumentStringBytesMax;

describe('strings of a process', () => {
  it.each([
    ['an argument', (n: number) => ({ args: ['x'.repeat(n - 1)] }), '#/args/0'],
    ['a word of a command', (n: number) => ({ argv: ['x'.repeat(n - 1)] }), '#/command/0'],
    ['a variable', (n: number) => ({ env: { A: 'x'.repeat(n - 3) } }), '#/env/A'],
    ['a parameter', (n: number) => ({ params: { A: 'x'.repeat(n - 16) } }), '#/params/A'],
    ['a secret', (n: number) => ({ secrets: { A: 'x'.repeat(n - 3) } }), '#/secrets/A'],
    [
      'a variable under a login shell',
      (n: number) => ({ env: { A: 'x'.repeat(n - 12) }, environment: 'login' as const }),
      '#/env/A',
    ],
    ['characters of two bytes', (n: number) => ({ args: ['é'.repeat(n / 2 - 1) + 'x'] }), undefined],
  ])('count %s with its name and its end', (_what, make, pointer) => {
    expect(stringFaults({ ...none, ...make(most) })).toEqual([]);
    if (pointer !== undefined)
      expect(stringFaults({ ...none, ...make(most + 1) })[0]).toMatchObject({
        pointer,
        detail: expect.stringContaining(`has ${most + 1} bytes`),
      });
  });

  it('are bounded together, too', () => {
    const half = 'x'.repeat(limits.argumentsBytesMax / 2 - 1);
    expect(stringFaults({ ...none, args: [half, half] })).toEqual([]);
    expect(stringFaults({ ...none, args: [half, half, ''] })).toMatchObject([
      { pointer: '#/args', detail: expect.stringContaining(`${limits.argumentsBytesMax + 1} bytes together`) },
    ]);
  });
});
