import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { given } from '../../base/given.ts';
import { jobLimits } from '../../base/job-limits.ts';
import { limits } from '../../base/limits.ts';
import { policyOf } from '../policy/policy-words.ts';
import type { ScriptWork } from '../work/script.ts';
import { secretNamesOf } from '../work/work.ts';
import { planRun, type Planned, type ExpandedJob } from './expand.ts';
import { parseJob } from './job-definition.ts';
import type { JobDefinition } from './job-shape.ts';
import { PARAMETER_TYPES, type JobValues, type ParameterValue } from './parameter.ts';

function definitionOf(text: string): JobDefinition {
  const parsed = parseJob(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return parsed.definition;
}
function planOf(
  text: string,
  values: Record<string, ParameterValue> = {},
  options: { targets?: string } = {},
): ExpandedJob {
  const planned = planRun(definitionOf(text), apart(values), options);
  if (!planned.ok) throw new Error(JSON.stringify(planned.faults));
  return planned.run;
}
/** Those of its secrets apart, as a start has them. */
function apart(values: Record<string, ParameterValue>): JobValues {
  const isSecret = (name: string): boolean => ['token', 'spare', 'secret'].includes(name);
  const of = (some: boolean): [string, ParameterValue][] =>
    Object.entries(values).filter(([name]) => isSecret(name) === some);
  return { params: Object.fromEntries(of(false)), secrets: Object.fromEntries(of(true)) as Record<string, string> };
}
const faultsOf = (planned: Planned): string[] =>
  planned.ok ? [] : planned.faults.map(({ pointer, code }) => `${pointer} ${code}`);

const JOB = `job: j
parameters:
  - { name: version, required: true }
  - { name: where, type: hosts, default: role=web }
  - { name: site, type: choice, choices: [eu, us], default: eu }
  - { name: count, type: number, default: 3 }
  - { name: maybe }
  - { name: token, type: secret, required: true }
  - { name: spare, type: secret }
targets: \${{ params.where }} and site=\${{ params.site }}
stages:
  - stage: one
    steps:
      - { step: a, script: 'echo "\${{ not }}"', secrets: [token, spare], retries: 2, success: { exit_codes: [3, 0, 3] }, max_failed: 1 }
      - step: b
        command: [put, '\${{ params.version }}', 'v=\${{ params.version }} of \${{params.count}}', '$\${{ params.x }}']
        needs: []
        on_failure: continue
      - { step: c, script: x, user: deploy, via: ssh, cwd: '/srv/\${{ params.site }}', env: { N: '\${{ params.count }}' }, targets: web-1 }
  - stage: late
    finally: true
    steps: [{ step: z, script: x, needs: [] }]
  - stage: two
    steps: [{ step: d, script: x, account: 'deploy-\${{ params.site }}', timeout: 1m, max_failed: 10% }]
  - stage: three
    needs: [one, two]
    when: any-failed
    steps: [{ step: e, script: x }]
  - stage: later
    finally: true
    steps: [{ step: z, script: x }]
`;

describe('the plan of a run', () => {
  const values = { version: 'a b; rm -rf /', token: 'hunter22' };

  it('has what needs what by index: the one before it of its kind, unless it says otherwise', () => {
    const { stages } = planOf(JOB, values);
    expect(stages.map(({ name, needs, join, isFinally }) => [name, needs, join, isFinally])).toEqual([
      ['one', [], 'all-succeeded', false],
      ['late', [], 'all-done', true],
      ['two', [0], 'all-succeeded', false],
      ['three', [0, 2], 'any-failed', false],
      ['later', [1], 'all-done', true],
    ]);
    expect(stages[0]!.steps.map(({ name, needs, goesOn }) => [name, needs, goesOn])).toEqual([
      ['a', [], false],
      ['b', [], true],
      ['c', [1], false],
    ]);
  });

  it('fills values in as they are, each into the place where it stands, and never into a script', () => {
    const [a, b, c] = planOf(JOB, values).stages[0]!.steps;
    expect(a!.work).toMatchObject({ program: { form: 'text', text: Buffer.from('echo "${{ not }}"') } });
    expect(b!.work).toMatchObject({
      program: { form: 'argv', argv: ['put', 'a b; rm -rf /', 'v=a b; rm -rf / of 3', '${{ params.x }}'] },
    });
    expect(c!.work).toMatchObject({ cwd: '/srv/eu', env: { N: '3' } });
    expect(c!.placement).toEqual({ via: 'ssh', user: 'deploy' });
    expect([a!.targets, c!.targets]).toEqual(['(role=web) and site=eu', 'web-1']);
    expect(planOf(JOB, values).stages[2]!.steps[0]!.account).toBe('deploy-eu');
  });

  it('gives every script the parameters that have a value, and secrets to those that are given them', () => {
    const steps = planOf(JOB, values).stages.flatMap((stage) => stage.steps);
    for (const { work } of steps)
      expect((work as ScriptWork).params).toEqual({
        version: 'a b; rm -rf /',
        where: 'role=web',
        site: 'eu',
        count: '3',
      });
    expect(steps.map(({ work, secrets }) => [secretNamesOf(work), secrets])).toEqual([
      [['token'], { token: 'hunter22' }],
      ...Array.from({ length: 6 }, () => [[], {}]),
    ]);
  });

  it('has the policy of a run by itself, where the step says nothing else', () => {
    const { stages } = planOf(JOB, values);
    expect(stages[0]!.steps[1]!.policy).toEqual(policyOf({}));
    expect(stages[0]!.steps[0]!.policy).toEqual({
      ...policyOf({}),
      retries: 2,
      success: { exitCodes: [0, 3] },
      maxFailed: { kind: 'count', count: 1 },
    });
    expect(stages[2]!.steps[0]!.policy).toMatchObject({ timeoutMs: 60_000, maxFailed: { kind: 'share', percent: 10 } });
  });

  it('takes other targets in place of the job’s, for the steps that say none', () => {
    const { stages } = planOf(JOB, values, { targets: 'db-*' });
    expect(stages[0]!.steps.map(({ targets }) => targets)).toEqual(['db-*', 'db-*', 'web-1']);
    const bare = definitionOf('job: j\nstages: [{ stage: s, steps: [{ step: a, script: x }] }]');
    expect(faultsOf(planRun(bare, { params: {} }))).toEqual(['#/targets bad-target']);
    expect(faultsOf(planRun(bare, { params: {} }, { targets: '[' }))).toEqual(['#/targets bad-target']);
  });

  it('lets no value be more hosts than its place says', () => {
    const text =
      "job: j\nparameters: [{ name: host, required: true }]\ntargets: 'role=${{ params.host }}'\n" +
      'stages: [{ stage: s, steps: [{ step: a, script: x }] }]';
    for (const host of ['web', 'Zürich.1', 'a/b@c+d'])
      expect(planOf(text, { host }).stages[0]!.steps[0]!.targets).toBe(`role=${host}`);
    for (const host of ['web or all', 'web,db', '*', 'web-[1-9]', 'a=b', '!x', '(x', 'all', 'NOT', ''])
      expect([host, ...faultsOf(planRun(definitionOf(text), { params: { host } }))]).toEqual([
        host,
        '#/params/host parameter-invalid',
      ]);
  });

  it('is refused with every fault of its values at once', () => {
    expect(faultsOf(planRun(definitionOf(JOB), { params: { site: 'mars', count: 'x', nope: 1 } }))).toEqual([
      '#/params/nope parameter-invalid',
      '#/params/version parameter-invalid',
      '#/params/site parameter-invalid',
      '#/params/count parameter-invalid',
      '#/secrets/token parameter-invalid',
    ]);
  });

  it('has only so much filled in, however often a long value stands somewhere', () => {
    const times = Math.floor(jobLimits.jobFilledBytesMax / jobLimits.jobTextBytesMax);
    const text = (count: number): string =>
      'job: j\nparameters: [{ name: t, type: text, required: true }]\ntargets: all\nstages:\n- stage: s\n  steps:\n' +
      Array.from({ length: count }, (_, i) => `  - { step: s${i}, command: [x, '\${{ params.t }}'] }\n`).join('');
    const long = { t: 'x'.repeat(jobLimits.jobTextBytesMax) };
    // The argument and DROVER_PARAM_t together are more than one process is given, and each step tells so.
    expect(new Set(faultsOf(planRun(definitionOf(text(times)), { params: long })))).toEqual(
      new Set(['#/params bad-input']),
    );
    expect(faultsOf(planRun(definitionOf(text(times + 1)), { params: long }))).toEqual(['#/params parameter-invalid']);
  });

  it('keeps values only so often, however many steps are given them', () => {
    const text = (steps: number): string =>
      'job: j\nparameters: [{ name: t, type: text, required: true }, { name: key, type: secret }]\ntargets: all\nstages:\n' +
      `- stage: s\n  steps:\n${Array.from({ length: steps }, (_, i) => `  - { step: s${i}, script: x }\n`).join('')}`;
    const bytes = jobLimits.jobTextBytesMax;
    const steps = jobLimits.jobGivenBytesMax / bytes;
    const started = (count: number, t: string): Planned =>
      planRun(definitionOf(text(count)), { params: { t }, secrets: { key: 'x'.repeat(10_000) } });
    expect(faultsOf(started(steps, 'x'.repeat(bytes)))).toEqual([]);
    expect(faultsOf(started(steps + 1, 'x'.repeat(bytes)))).toEqual(['#/params parameter-invalid']);
    const most = Math.floor(jobLimits.jobGivenBytesMax / jobLimits.jobStepsMax);
    expect(faultsOf(started(jobLimits.jobStepsMax, 'x'.repeat(most)))).toEqual([]);
    const refused = started(jobLimits.jobStepsMax, 'x'.repeat(most + 1));
    expect(refused).toMatchObject({
      faults: [{ detail: expect.stringContaining(`${most} bytes are allowed`) as string }],
    });
  });

  it('names nobody, or nothing that could be a name, by no value', () => {
    const text =
      'job: j\nparameters: [{ name: who, type: text, required: true }]\ntargets: all\nstages:\n- stage: s\n  steps:\n' +
      "  - { step: a, script: x, user: '${{ params.who }}' }\n  - { step: b, script: x, account: '${{ params.who }}' }\n";
    expect(planOf(text, { who: 'x'.repeat(200) }).stages[0]!.steps[1]!.account).toBe('x'.repeat(200));
    for (const [who, count] of [
      ['', 2],
      ['a\nb', 2],
      ['x'.repeat(201), 1],
      ['x'.repeat(257), 2],
    ] as const)
      expect(faultsOf(planRun(definitionOf(text), { params: { who } }))).toEqual(
        Array(count).fill('#/params parameter-invalid'),
      );
  });

  it('is refused once for more than a script can be given, however many steps there are', () => {
    const names = ['a', 'b', 'c'];
    const text =
      `job: j\nparameters: [${names.map((name) => `{ name: ${name}, type: text }`).join(', ')}]\ntargets: all\n` +
      'stages: [{ stage: s, steps: [{ step: a, script: x }, { step: b, script: x }] }]';
    const values = Object.fromEntries(names.map((name) => [name, 'x'.repeat(jobLimits.jobTextBytesMax)]));
    expect(faultsOf(planRun(definitionOf(text), { params: values }))).toEqual(['#/params parameter-invalid']);
  });

  it('has, for any job that is right, steps that need none but what can be over before them', () => {
    const earlier = (i: number): fc.Arbitrary<number[] | undefined> =>
      fc.option(fc.uniqueArray(fc.nat(Math.max(0, i - 1)), { maxLength: i === 0 ? 0 : 3 }), { nil: undefined });
    const count = 6;
    const shape = fc.record({
      stages: fc.tuple(...Array.from({ length: count }, (_, i) => earlier(i))),
      steps: fc.tuple(...Array.from({ length: count }, (_, i) => earlier(i))),
      last: fc.array(fc.boolean(), { minLength: count, maxLength: count }),
    });
    fc.assert(
      fc.property(shape, ({ stages, steps, last }) => {
        const isLast = (i: number): boolean => i > 0 && last[i]!;
        const ofKind = (i: number, needs: readonly number[]): string[] =>
          needs.filter((one) => isLast(one) === isLast(i)).map((one) => `s${one}`);
        const text = JSON.stringify({
          job: 'j',
          targets: 'all',
          stages: stages.map((needs, i) => ({
            stage: `s${i}`,
            ...given({ needs: needs && ofKind(i, needs) }),
            ...given({ finally: isLast(i) || undefined }),
            steps: steps.map((own, n) => ({
              step: `t${n}`,
              command: ['x'],
              ...given({ needs: own?.map((one) => `t${one}`) }),
            })),
          })),
        });
        const { stages: planned } = planOf(text);
        for (const [i, stage] of planned.entries()) {
          for (const need of stage.needs) expect([need < i, planned[need]!.isFinally]).toEqual([true, stage.isFinally]);
          for (const [n, step] of stage.steps.entries()) for (const need of step.needs) expect(need).toBeLessThan(n);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('never throws for a job that is right, whatever the values', () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.double(),
      fc.boolean(),
      fc.constantFrom('web', '3', 'true', '2024-01-01', 'a'),
    );
    const named = fc.dictionary(fc.constantFrom(...PARAMETER_TYPES, 'other'), value);
    const parameters = PARAMETER_TYPES.map(
      (type) => `  - { name: ${type}, type: ${type}, ${type === 'choice' ? 'choices: [a, b], ' : ''}required: true }\n`,
    );
    const text = `job: j
parameters:
${parameters.join('')}targets: \${{ params.hosts }} or \${{ params.string }}
stages:
  - stage: s
    steps:
      - step: a
        command: ['\${{ params.text }}', '\${{ params.number }}']
        secrets: [secret]
        cwd: '\${{ params.string }}'
`;
    const definition = definitionOf(text);
    fc.assert(
      fc.property(named, fc.option(fc.string(), { nil: undefined }), (given, targets) => {
        const planned = planRun(definition, apart(given), targets === undefined ? {} : { targets });
        if (!planned.ok) expect(planned.faults.length).toBeGreaterThan(0);
      }),
      { numRuns: 150 },
    );
  });

  it('names so many hosts in all of its steps together, each expression once', () => {
    const of = (targets: readonly string[]): JobDefinition =>
      definitionOf(
        `job: j\nparameters:\n  - { name: h, type: hosts, default: a }\nstages:\n  - stage: s\n    steps:\n${targets
          .map((one, i) => `      - { step: s${i}, command: [x], targets: '${one}' }\n`)
          .join('')}`,
      );
    const all = `n[1-${limits.targetNamesMax}]`;
    expect(planRun(of([all, all, all]), { params: {} }).ok).toBe(true);
    expect(planRun(of([all, 'one']), { params: {} })).toMatchObject({
      ok: false,
      faults: [{ code: 'too-many-targets' }],
    });
    // A value counts in each expression that it stands in.
    const hosts = `m[1-${limits.targetNamesMax / 2}]`;
    expect(planRun(of(['${{ params.h }}']), { params: { h: hosts } }).ok).toBe(true);
    expect(planRun(of(['${{ params.h }} or a', '${{ params.h }} or b']), { params: { h: hosts } })).toMatchObject({
      ok: false,
      faults: [{ code: 'too-many-targets', pointer: '#/targets' }],
    });
  });
});

it('tells where outputs of earlier steps stand, with parameters filled in and the rest as it is written', () => {
  const definition = definitionOf(`job: j
parameters: [{ name: p, required: true }]
targets: web
stages:
  - stage: look
    steps: [{ step: a.t, script: x, outputs: [{ name: v }, { name: n, from: count }] }]
  - stage: use
    steps:
      - step: b
        command: [put, '\${{ params.p }}-\${{ steps.look.a.t.outputs.v }}', '$\${{ steps.look.a.t.outputs.v }}']
        env: { N: '\${{ steps.look.a.t.outputs.n }}', P: '\${{ params.p }}' }
        cwd: '/srv/\${{ steps.look.a.t.outputs.v }}'
`);
  const planned = planRun(definition, { params: { p: '\${{ params.p }}' } });
  const step = planned.ok ? planned.run.stages[1]!.steps[0]! : undefined;
  const ref = (output: string) => ({ stage: 0, step: 0, output });
  expect(step?.fills).toEqual([
    { field: 'command', key: 1, parts: ['\${{ params.p }}', '-', ref('v')] },
    { field: 'env', key: 'N', parts: [ref('n')] },
    { field: 'cwd', key: 0, parts: ['/srv/', ref('v')] },
  ]);
  expect(step?.work).toMatchObject({
    program: { argv: ['put', '\${{ params.p }}-\${{ steps.look.a.t.outputs.v }}', '\${{ steps.look.a.t.outputs.v }}'] },
    env: { N: '\${{ steps.look.a.t.outputs.n }}', P: '\${{ params.p }}' },
  });
});
