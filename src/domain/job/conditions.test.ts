/** Conditions as jobs say them: what may be asked where, what is wrong with its place, and what a run keeps of them. */
import { describe, expect, it } from 'vitest';
import { planRun } from './expand.ts';
import { parseJob } from './job-definition.ts';
import { planOf } from './plan-of.ts';
import type { RunPlan } from '../run/plan.ts';

function faultsOf(text: string): readonly string[] {
  const parsed = parseJob(text);
  return parsed.ok ? [] : parsed.faults.map(({ line, column, code, detail }) => `${line}:${column} ${code}: ${detail}`);
}

/** Parameters of every type, and a step before the one with the condition. */
const job = (when: string, more = ''): string => `job: j
targets: all
parameters:
  - { name: version }
  - { name: now, type: bool, default: false }
  - { name: count, type: number, default: 3 }
  - { name: day, type: date, default: 2026-03-01 }
  - { name: kind, type: choice, choices: [web, db], default: web }
  - { name: token, type: secret }
stages:
  - stage: look
    steps:
      - step: version
        command: [x]
        outputs: [{ name: is }, { name: number, type: number }, { name: names, from: list }]
      - step: other
        needs: []
        command: [x]
  - stage: go
    steps:
      - step: unpack
        when: ${when}
        command: [x]
${more}`;
const AT = '22:15';

describe('a condition of a step', () => {
  it.each([
    'params.now',
    'params.version == "v1.2"',
    'params.count > 2 and params.day >= "2026-01-01"',
    'params.kind in ["web", "db"]',
    'steps.look.version.outputs.is != params.version',
    'steps.version.outputs.number > 3',
    'steps.look.version.outputs.names contains "web-1"',
    'steps.look.other.state == "failed" or steps.look.other.failed > 0 or steps.other.hosts == 0',
    'stages.look.state == "succeeded"',
    'run.round == 1',
    'not has params.version',
  ])('may be %s', (when) => {
    expect(faultsOf(job(when))).toEqual([]);
  });

  it.each([
    ['params.nw', `${AT} job-reference-unknown: There is no parameter "nw". Did you mean now?`],
    [
      'params.token == "x"',
      `${AT} job-expression: token is a secret, which no condition reads: it would be told by it.`,
    ],
    [
      'params.kind == "wob"',
      '22:30 job-expression: params.kind is never "wob". Did you mean web? It is one of web, db.',
    ],
    [
      'params.version == 3',
      '22:30 job-expression: This compares a text with a number: params.version with 3. Put 3 in ' +
        'quotes, or declare the other as type: number.',
    ],
    [
      'steps.look.vrsion.state == "failed"',
      `${AT} job-reference-unknown: There is no step "look.vrsion". Did you mean look.version?`,
    ],
    [
      'steps.look.version.outputs.si == ""',
      `${AT} job-reference-unknown: "look.version" declares no output "si". Did you mean is?`,
    ],
    [
      'steps.look.version.faild > 0',
      `${AT} job-reference-unknown: A step has no "faild". Did you mean failed? Known are state, ` +
        'outputs.NAME, and of its hosts how many are there: hosts, succeeded, failed, timed_out, ' +
        'cancelled, skipped, not_started, lost.',
    ],
    [
      'steps.look.version.state == "faild"',
      '22:43 job-expression: steps.look.version.state is never "faild". Did you mean failed? It is ' +
        'one of succeeded, failed, timed_out, cancelled, skipped.',
    ],
    ['stages.lok.state == "failed"', `${AT} job-reference-unknown: There is no stage "lok". Did you mean look?`],
    [
      'stages.go.state == "failed"',
      `${AT} job-expression: "go" is not over for certain when this is decided: let it be needed, ` +
        'step by step or stage by stage, by no rule that goes on before all are over.',
    ],
    [
      'steps.go.unpack.state == "failed"',
      `${AT} job-expression: "go.unpack" is not over for certain when this is decided: let it be ` +
        'needed, step by step or stage by stage, by no rule that goes on before all are over.',
    ],
    [
      'run.state == "failed"',
      `${AT} job-expression: run.state is what all stages have come to that are not finally, so only ` +
        'finally stages read it.',
    ],
    ['run.name == "x"', `${AT} job-reference-unknown: A run has no "name". Known are cancelled, round, state.`],
    [
      'step.look.version.state == "failed"',
      `${AT} job-reference-unknown: "step.look.version.state" is not known; names begin with params, ` +
        'steps, stages or run, and texts stand in quotes. Did you mean steps?',
    ],
    ['params.version', `${AT} job-expression: params.version is a text, which is no yes or no: compare it.`],
    ['params.now &&', '22:26 job-expression: && is written and.'],
    ['true', '22:9 bad-input: when: a text is wanted, not true without quotes: write "true".'],
  ])('%s is refused with its place and what was meant', (when, fault) => {
    expect(faultsOf(job(when))).toEqual([fault]);
  });

  it('is told of with all else that is wrong, each at its place', () => {
    const text = job(
      'params.nw or steps.look.version.faild > 0',
      '      - { step: more, when: run.state, command: [x] }\n',
    );
    expect(faultsOf(text).map((fault) => fault.split(' ')[0])).toEqual(['22:15', '22:28', '24:29']);
  });

  it.each([
    ["'params.nw'", '22:16'],
    ['"params.version == \\"a\\" and params.nw"', '22:44'],
    ["'params.version == ''a'' and params.nw'", '22:44'],
    ['>-\n          params.now and\n          not params.nw', '24:15'],
    ['|\n          params.now and\n            params.nw', '24:13'],
    ['params.now\n          and params.nw', '23:15'],
  ])('has its faults told where they are written, also in %s', (when, place) => {
    expect(faultsOf(job(when)).map((fault) => fault.split(' ')[0])).toEqual([place]);
  });

  it('may ask of no step that may be under way, and of no stage that may be', () => {
    const stages = (rule: string): string => `job: j
targets: all
stages:
  - { stage: a, steps: [{ step: a, command: [x] }] }
  - { stage: b, needs: [], steps: [{ step: b, command: [x] }] }
  - { stage: c, needs: [a, b], when: ${rule} and steps.a.failed > 0, steps: [{ step: c, command: [x] }] }
  - { stage: d, when: all-done and steps.b.failed > 0, steps: [{ step: d, command: [x] }] }
`;
    expect(faultsOf(stages('all-done'))).toEqual([]);
    expect(faultsOf(stages('any-failed'))).toEqual([
      expect.stringContaining('6:53 job-expression: "a" is not over for certain'),
      expect.stringContaining('7:36 job-expression: "b" is not over for certain'),
    ]);
  });

  it('names a step by its own name where there is one in its stage, or one in the job', () => {
    const twice = (name: string): string => `job: j
targets: all
stages:
  - { stage: a, steps: [{ step: s, command: [x] }] }
  - { stage: b, steps: [{ step: s, command: [x] }] }
  - stage: c
    steps: [{ step: d, command: [x], when: 'steps.${name}.failed > 0' }]
`;
    expect(faultsOf(twice('a.s'))).toEqual([]);
    expect(faultsOf(twice('s'))).toEqual([
      '7:45 job-expression: "s" may be either of two steps: write STAGE.STEP, or give one of them another name.',
    ]);
  });

  it('leaves what it may pass over without outputs to speak of, but within a stage that has it', () => {
    const text = (when: string, ofStage = ''): string => `job: j
targets: all
parameters: [{ name: now, type: bool, default: true }]
stages:
  - stage: a
    when: ${ofStage === '' ? "'true'" : ofStage}
    steps:
      - { step: s, command: [x], ${when}outputs: [{ name: o }] }
      - step: t
        command: [x, '\${{ steps.a.s.outputs.o }}']
`;
    expect(faultsOf(text(''))).toEqual([]);
    expect(faultsOf(text('', 'params.now'))).toEqual([]);
    expect(faultsOf(text('when: params.now, '))).toEqual([expect.stringContaining('10:23 job-expression')]);
  });
});

describe('when of a stage', () => {
  const stage = (when: string, more = ''): string => `job: j
targets: all
parameters: [{ name: now, type: bool, default: true }]
stages:
  - { stage: a, steps: [{ step: a, command: [x] }] }
  - stage: b
    when: ${when}
${more}    steps: [{ step: b, command: [x] }]
`;
  it.each([
    'any-failed',
    'all-done and params.now',
    'all-done and (params.now or steps.a.failed > 1)',
    'params.now or steps.a.failed > 1',
    'any-failed and not params.now and steps.a.failed > 1',
  ])('may be %s', (when) => {
    expect(faultsOf(stage(when))).toEqual([]);
  });

  it.each([
    [
      'any-faild',
      '7:11 job-reference-unknown: "any-faild" is not known; names begin with params, steps, stages ' +
        'or run, and texts stand in quotes. Did you mean any-failed?',
    ],
    [
      'all-done or params.now',
      '7:19 job-expression: Behind all-done stands and with a condition, in brackets where it has an or.',
    ],
    [
      'all-done and params.now or params.now',
      '7:19 job-expression: Behind all-done stands and with a condition, in brackets where it has an or.',
    ],
    ['all-done params.now', '7:20 job-expression: Expected is and, or, or the end, not "params.now".'],
    ['all-done and', '7:23 job-expression: The expression ends where a value is expected.'],
    ['all-done and params.nw', '7:24 job-reference-unknown: There is no parameter "nw". Did you mean now?'],
  ])('%s is refused with its place', (when, fault) => {
    expect(faultsOf(stage(when))).toEqual([fault]);
  });

  it('of a finally stage is a condition alone, which may ask for what the run has come to', () => {
    const last = '    finally: true\n';
    expect(faultsOf(stage('run.cancelled or run.state == "failed"', last))).toEqual([]);
    expect(faultsOf(stage('all-done and run.cancelled', last))).toEqual([
      '7:5 bad-input: A finally stage comes whatever happened: leave out the rule of its when.',
    ]);
  });
});

describe('targets by a step', () => {
  const by = (targets: string): string => `job: j
targets: all
parameters: [{ name: version, default: '1' }, { name: where, type: hosts, default: all }]
stages:
  - stage: a
    steps: [{ step: look, command: [x], outputs: [{ name: v }, { name: n, from: sum }] }]
  - stage: b
    steps:
      - { step: mend, command: [x], targets: '${targets}' }
`;
  it.each([
    'hosts(look.failed)',
    'hosts(look)',
    'hosts(a.look.outputs.v != params.version and look.succeeded)',
    'hosts(look.outputs.v == ")") and not role=canary',
    'hosts(look.outputs.n > 3) and ${{ params.where }}',
  ])('may be %s', (targets) => {
    expect(faultsOf(by(targets))).toEqual([]);
  });

  it.each([
    ['hosts(lok.failed)', '9:53 job-reference-unknown: There is no step "lok". Did you mean look?'],
    [
      'hosts(look.faild)',
      '9:53 job-reference-unknown: A host has no "faild" there. Did you mean failed? Known are ' +
        'outputs.NAME, succeeded, failed, timed_out, cancelled, skipped, not_started, lost.',
    ],
    ['hosts(look.outputs.w == "1")', '9:53 job-reference-unknown: "look" declares no output "w". Did you mean v or n?'],
    [
      'hosts(look.outputs.v == 1)',
      '9:68 job-expression: This compares a text with a number: look.outputs.v with 1. Put 1 in ' +
        'quotes, or declare the other as type: number.',
    ],
    [
      'hosts(mend.failed)',
      '9:53 job-expression: "mend" is not over for certain when this begins, so its hosts are not known: let it be needed.',
    ],
    [
      'hosts(look.failed) or role=web',
      '9:66 job-expression: Behind hosts( ) stands nothing, or and with what they have to match besides, as in and not role=canary.',
    ],
    [
      'hosts(look.failed) and (role=web',
      '9:70 bad-target: The target is not valid at character 10: expected ) for the bracket at column 1.',
    ],
    ['hosts(look.failed', '9:64 job-expression: Expected is and, or, or the end, not "(".'],
    ['hosts(params.version == "1")', '9:53 job-expression: hosts( ) speaks of a step, as in hosts(restart.failed).'],
  ])('%s is refused with its place', (targets, fault) => {
    expect(faultsOf(by(targets))).toEqual([fault]);
  });
});

function planned(text: string, params: Record<string, string> = {}): RunPlan {
  const parsed = parseJob(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  const run = planRun(parsed.definition, { params });
  if (!run.ok) throw new Error(JSON.stringify(run.faults));
  return planOf(run.run.stages).plan;
}

describe('the plan of a run', () => {
  it('has each condition with the values of the run and the numbers of its steps', () => {
    const [, go] = planned(job('params.version == "v1" or steps.look.other.failed > params.count'), { version: 'v2' });
    const [step] = go!.tasks;
    expect(step).toMatchObject({ isConditional: true });
    expect(step!.when).toEqual({
      text: 'params.version == "v1" or steps.look.other.failed > params.count',
      expression: {
        kind: 'or',
        operands: [
          {
            kind: 'compare',
            operator: '==',
            left: { kind: 'ref', name: 'params.version', ref: { of: 'given', value: 'v2' } },
            right: { kind: 'literal', value: 'v1' },
          },
          {
            kind: 'compare',
            operator: '>',
            left: { kind: 'ref', name: 'steps.look.other.failed', ref: { of: 'count', task: 1, state: 'failed' } },
            right: { kind: 'ref', name: 'params.count', ref: { of: 'given', value: 3 } },
          },
        ],
      },
    });
  });

  it('has the condition of a stage apart from its rule, and stages by their places there', () => {
    const plan = planned(`job: j
targets: all
stages:
  - { stage: last, finally: true, when: 'stages.a.state != "succeeded"', steps: [{ step: l, command: [x] }] }
  - { stage: a, steps: [{ step: a, command: [x] }] }
  - { stage: b, when: all-done and steps.a.failed > 0, steps: [{ step: b, command: [x] }] }
`);
    expect(plan.map(({ name, join, when }) => [name, join, when?.text])).toEqual([
      ['a', 'all-succeeded', undefined],
      ['b', 'all-done', 'steps.a.failed > 0'],
      ['last', 'all-done', 'stages.a.state != "succeeded"'],
    ]);
    expect(plan[2]!.when!.expression).toMatchObject({ left: { ref: { of: 'stage', stage: 0 } } });
    expect(plan[2]).toMatchObject({ isConditional: true });
  });
});
