import { describe, expect, it } from 'vitest';
import { decideInstance, judgeInstance, type AgentSessionRecord, type ShownInstance } from './session-rule.ts';

const QUIET = 600_000;
type Step = readonly [shown: Partial<ShownInstance> & { instance: string }, verdict: string, atMs?: number];

function play(steps: readonly Step[], from?: AgentSessionRecord): AgentSessionRecord | undefined {
  let record = from;
  steps.forEach(([shown, verdict, atMs = 1_000], n) => {
    const judged = judgeInstance(record, { start: 1, link: 1, workerId: 'w', ...shown }, atMs, QUIET);
    expect([n, judged.verdict]).toEqual([n, verdict]);
    record = judged.record;
  });
  return record;
}

describe('the start of an agent that counts', () => {
  it.each<[string, readonly Step[]]>([
    ['the first', [[{ instance: 'a' }, 'admitted']]],
    [
      'the same again: another server sees it too',
      [
        [{ instance: 'a' }, 'admitted'],
        [{ instance: 'a' }, 'admitted'],
      ],
    ],
    [
      'its next link, but not its former one',
      [
        [{ instance: 'a', link: 2 }, 'admitted'],
        [{ instance: 'a', link: 1 }, 'stale'],
      ],
    ],
    [
      'the next start, also one that was started in vain before',
      [
        [{ instance: 'a' }, 'admitted'],
        [{ instance: 'c', after: 'b', start: 3 }, 'admitted'],
      ],
    ],
    [
      'no former start, told again by a worker that kept it',
      [
        [{ instance: 'a', link: 4 }, 'admitted'],
        [{ instance: 'b', start: 2 }, 'admitted'],
        [{ instance: 'a', link: 4 }, 'stale'],
      ],
    ],
    [
      'no former start that was shown before this one and is written late',
      [
        [{ instance: 'a', shownAtMs: 10 }, 'admitted'],
        [{ instance: 'c', after: 'b', start: 3, shownAtMs: 30 }, 'admitted'],
        [{ instance: 'b', after: 'a', start: 2, shownAtMs: 20 }, 'stale'],
        [{ instance: 'a', link: 2, shownAtMs: 20 }, 'stale'],
        [{ instance: 'c', after: 'b', start: 3, link: 2, shownAtMs: 40 }, 'admitted'],
      ],
    ],
    [
      'neither of it and a former one that is shown after it',
      [
        [{ instance: 'c', start: 3, shownAtMs: 30 }, 'admitted'],
        [{ instance: 'c', start: 3, link: 2, shownAtMs: 40 }, 'admitted'],
        [{ instance: 'b', start: 2, shownAtMs: 35 }, 'copied'],
      ],
    ],
    [
      'neither of two of the same number',
      [
        [{ instance: 'a', start: 2 }, 'admitted'],
        [{ instance: 'b', start: 2 }, 'copied'],
        [{ instance: 'a', start: 2, link: 2 }, 'copied'],
        [{ instance: 'b', start: 2, link: 2 }, 'copied'],
      ],
    ],
    [
      'neither, when a former one links anew',
      [
        [{ instance: 'a' }, 'admitted'],
        [{ instance: 'b', start: 2 }, 'admitted'],
        [{ instance: 'a', link: 2 }, 'copied'],
        [{ instance: 'b', start: 2, link: 2 }, 'copied'],
      ],
    ],
    [
      'no older one: a data folder from a backup',
      [
        [{ instance: 'a', start: 7 }, 'admitted'],
        [{ instance: 'b', start: 4 }, 'copied'],
      ],
    ],
    [
      'no third one while two are there',
      [
        [{ instance: 'a', start: 2 }, 'admitted'],
        [{ instance: 'b', start: 2 }, 'copied'],
        [{ instance: 'c', after: 'a', start: 9 }, 'copied'],
      ],
    ],
    [
      'the one that is left, when the other has been quiet',
      [
        [{ instance: 'a', start: 2 }, 'admitted'],
        [{ instance: 'b', start: 2 }, 'copied', 2_000],
        [{ instance: 'b', start: 2, link: 2 }, 'copied', QUIET],
        [{ instance: 'b', start: 2, link: 3 }, 'admitted', QUIET + 2_000],
        [{ instance: 'a', start: 2, link: 2 }, 'copied', QUIET + 3_000],
      ],
    ],
    [
      'never one of a lower number because the present one is quiet: its proof may have been kept',
      [
        [{ instance: 'c', start: 3, shownAtMs: 30 }, 'admitted'],
        [{ instance: 'b', start: 2, shownAtMs: 40 }, 'copied', QUIET + 2_000],
        [{ instance: 'b', start: 2, shownAtMs: 50 }, 'copied', QUIET + 3_000],
        [{ instance: 'b', start: 2, link: 2, shownAtMs: 60 }, 'copied', 3 * QUIET],
        [{ instance: 'c', start: 3, link: 2, shownAtMs: 70 }, 'admitted', 5 * QUIET],
      ],
    ],
    [
      'a former one that goes on linking, when the copy that followed it has been quiet',
      [
        [{ instance: 'a', link: 3 }, 'admitted'],
        [{ instance: 'b', after: 'a', start: 2 }, 'admitted', 2_000],
        [{ instance: 'a', link: 4 }, 'copied', 3_000],
        [{ instance: 'a', link: 5 }, 'copied', QUIET],
        [{ instance: 'a', link: 3 }, 'stale', QUIET + 4_000],
        [{ instance: 'a', link: 6 }, 'admitted', QUIET + 5_000],
      ],
    ],
    [
      'what follows one of a lower number, once its own is not lower and the present one has been quiet',
      [
        [{ instance: 'c', start: 3 }, 'admitted'],
        [{ instance: 'b', start: 2 }, 'copied', QUIET + 2_000],
        [{ instance: 'b2', after: 'b', start: 3 }, 'admitted', QUIET + 3_000],
      ],
    ],
    [
      'the present one, when its rival has been quiet',
      [
        [{ instance: 'a', start: 2 }, 'admitted'],
        [{ instance: 'b', start: 2 }, 'copied', 2_000],
        [{ instance: 'a', start: 2, link: 2 }, 'admitted', QUIET + 3_000],
      ],
    ],
  ])('is %s', (_what, steps) => void play(steps));

  it('is none of those from before all that are remembered, shown again by a worker that kept their proofs', () => {
    const starts = Array.from({ length: 40 }, (_, n) => ({
      instance: `i${n + 1}`,
      start: n + 1,
      link: 3,
      shownAtMs: n,
    }));
    const record = play(starts.map((shown) => [shown, 'admitted'] as const))!;
    expect(record).toMatchObject({ floor: 23, former: { length: 16 } });
    const living = starts.at(-1)!;
    play(
      starts
        .flatMap((shown, n): Step[] =>
          shown === living
            ? []
            : // Again and again, also while nobody has looked at the living one for long; that one is let in as ever.
              ([1_000, 3 * QUIET] as const).flatMap((atMs): Step[] => [
                [{ ...shown, shownAtMs: 100 }, n < 23 ? 'outdated' : 'stale', atMs],
                [{ ...shown, link: 9, shownAtMs: 100 }, n < 23 ? 'outdated' : 'copied', atMs],
              ]),
        )
        .filter(([, verdict]) => verdict !== 'copied'),
      record,
    );
    play([[{ ...living, link: 4, shownAtMs: 101 }, 'admitted', 4 * QUIET]], record);
  });

  it('is counted from by records that a former version has written, without the numbers of former starts', () => {
    const former = Array.from({ length: 16 }, (_, n) => ({ instance: `i${n + 1}`, link: 1 }));
    const current = { instance: 'i17', start: 17, link: 1, workerId: 'w', seenAtMs: 0 };
    play(
      [
        [{ instance: 'i18', start: 18 }, 'admitted'],
        [{ instance: 'i1', start: 1, link: 5 }, 'outdated'],
        [{ instance: 'i2', start: 2 }, 'stale'],
      ],
      { current, former, banned: [] },
    );
  });

  it('is the one that somebody chose, with what follows it, and never the other or what follows that', () => {
    const record = play([
      [{ instance: 'a', start: 2 }, 'admitted'],
      [{ instance: 'b', start: 2 }, 'copied'],
    ])!;
    expect(decideInstance(record, 'x')).toBeUndefined();
    for (const [chosen, other] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const)
      play(
        [
          [{ instance: other, start: 2, link: 5 }, 'banned'],
          [{ instance: chosen, start: 2, link: 2 }, 'admitted'],
          [{ instance: `${other}2`, after: other, start: 3 }, 'banned'],
          [{ instance: `${other}3`, after: `${other}2`, start: 4 }, 'banned'],
          [{ instance: `${chosen}2`, after: chosen, start: 3 }, 'admitted'],
        ],
        decideInstance(record, chosen),
      );
  });
});
