/** A run of which a step was done to nothing, and a later step that is given what it would have told: it ends, and says why. */
import { describe, expect, it } from 'vitest';
import { RUN } from '../../../test/support/one-host.ts';
import { end, END, FAILURE, newRun, planFrom, seedsOf, settle } from '../../../test/support/stages-run.ts';
import { Run } from './run.ts';
import { NO_SUBJECT } from './subject.ts';

it('of a step that has succeeded nowhere say nothing of why: it has failed by itself, and only that is repeated', () => {
  const run = newRun(
    planFrom(
      '- { stage: a, steps: [{ step: look, command: [x], outputs: [{ name: n }, { name: c, from: count }] }] }\n',
    ),
  );
  settle(run);
  end(run, 0, FAILURE);
  settle(run);
  expect([run.state, run.task(0)!.outputs]).toEqual(['failed', { values: { c: 0 } }]);
});

describe('outputs of a step that was done to nothing', () => {
  const SKIPS = {
    'hosts(…)': 'targets: hosts(look.lost)',
    for_each: "worker: all, for_each: '${{ steps.a.look.outputs.files }}'",
  };
  const USES = {
    command: "command: [x, '${{ steps.b.none.outputs.OUT }}']",
    env: "script: echo, env: { A: '${{ steps.b.none.outputs.OUT }}' }",
    cwd: "command: [x], cwd: '/srv/${{ steps.b.none.outputs.OUT }}'",
    approval: "approval: { message: 'With ${{ steps.b.none.outputs.OUT }}?' }",
    http: "http: { url: 'https://a.example/${{ steps.b.none.outputs.OUT }}' }",
    for_each: "worker: all, command: [x], for_each: '${{ steps.b.none.outputs.OUT }}'",
  };
  type Skip = keyof typeof SKIPS;
  type Use = keyof typeof USES;
  const cases = (Object.keys(SKIPS) as Skip[]).flatMap((skip) =>
    (Object.keys(USES) as Use[]).map((use) => [skip, use] as const),
  );

  /** As far as it comes by itself, with everything that goes out ending well. */
  function ended(
    skip: Skip,
    use: Use,
    output: string,
  ): { readonly run: Run; readonly reasons: (string | undefined)[] } {
    const plan = planFrom(`- stage: a
  steps: [{ step: look, command: [x], ${skip === 'for_each' ? 'worker: all, ' : ''}outputs: [{ name: files, type: list }] }]
- stage: b
  steps:
    - { step: none, command: [x], ${SKIPS[skip]}, outputs: [${output}] }
    - { step: use, ${USES[use].replace('OUT', 'n')} }
`);
    const seeds = seedsOf(plan).map((seed) =>
      skip === 'for_each' && seed.task < 2 ? { ...seed, subjects: [NO_SUBJECT] } : seed,
    );
    const run = new Run({ id: RUN, state: 'created', round: 1, seq: 1, plan }, seeds, 1_000);
    settle(run);
    end(run, 0, END, { files: '' });
    const reasons: (string | undefined)[] = [];
    settle(run, ({ changes }) => reasons.push(...changes.map(({ result }) => result?.reason)));
    return { run, reasons };
  }

  it.each(cases)('are what there is of none, where %s chooses none: given to %s', (skip, use) => {
    for (const [output, value] of [
      ['{ name: n, from: sum }', 0],
      ['{ name: n, from: count }', 0],
      ['{ name: n, from: list }', []],
    ] as const) {
      const { run, reasons } = ended(skip, use, output);
      expect(run.task(1)!.outputs).toEqual({ values: { n: value } });
      expect(reasons.filter((reason) => reason !== undefined)).toEqual([]);
      expect(run.task(2)!.gate?.position?.end).toBeUndefined();
    }
  });

  it.each(cases)('end what cannot be without them, where %s chooses none: given to %s', (skip, use) => {
    const { run, reasons } = ended(skip, use, '{ name: n }');
    const { gate } = run.task(2)!;
    if (gate) expect(gate.position).toMatchObject({ end: 'failed', because: expect.stringContaining('no output n') });
    else expect(reasons).toContain(use === 'for_each' ? 'bad-input' : 'output-absent');
    expect(run.isFinished).toBe(true);
  });
});
