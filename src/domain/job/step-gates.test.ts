/** Steps of a job that wait: what they say, what does not go with them, and what becomes of it with values. */
import { describe, expect, it } from 'vitest';
import { gateLimits } from '../../base/gate-limits.ts';
import { workFaults } from '../work/work.ts';
import { planRun } from './expand.ts';
import { parseJob } from './job-definition.ts';

const job = (gate: string, more = ''): string =>
  `job: j\n${more}stages:\n- stage: s\n  steps:\n` +
  `  - { step: build, script: x, targets: all, outputs: [{ name: build }] }\n  - { step: gate, ${gate} }\n`;
/** `code: detail` of each fault. */
function faultsOf(text: string): string[] {
  const parsed = parseJob(text);
  return parsed.ok ? [] : parsed.faults.map(({ code, detail }) => `${code}: ${detail}`);
}
function gateOf(text: string, params: Record<string, string> = {}) {
  const parsed = parseJob(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  const planned = planRun(parsed.definition, { params, secrets: {} });
  if (!planned.ok) throw new Error(JSON.stringify(planned.faults));
  return planned.run.stages[0]!.steps[1]!;
}

describe('an approval in a job', () => {
  it('is work of its own, without hosts', () => {
    const text = job(
      "approval: { message: 'Deploy ${{ params.version }}?', count: 2, by: [ann, bob, ann], not_by_starter: true, " +
        'timeout: 2h, on_timeout: continue }',
      'parameters: [{ name: version, required: true }]\n',
    );
    expect(gateOf(text, { version: '1.2' })).toMatchObject({
      targets: '',
      work: {
        kind: 'approval',
        message: 'Deploy 1.2?',
        count: 2,
        by: ['ann', 'bob'],
        notByStarter: true,
        timeoutMs: 7_200_000,
        onTimeout: 'continue',
      },
    });
    expect(gateOf(job('approval: { message: Go? }')).work).toEqual({
      kind: 'approval',
      message: 'Go?',
      count: 1,
      notByStarter: false,
      onTimeout: 'fail',
    });
    expect(gateOf(job('wait: { for: 10m }')).work).toEqual({ kind: 'wait', ms: 600_000 });
  });

  it('says what earlier steps have told', () =>
    expect(gateOf(job("approval: { message: 'Build ${{ steps.s.build.outputs.build }}?' }")).fills).toEqual([
      { field: 'message', key: 0, parts: ['Build ', { stage: 0, step: 0, output: 'build' }, '?'] },
    ]));

  it.each([
    ['approval: { message: Go? }, targets: all', 'targets is for what is carried out'],
    ['approval: { message: Go? }, retries: 3', 'retries is for what is carried out'],
    ['approval: { message: Go? }, script: x', 'script is for what is carried out'],
    ['wait: { for: 1m }, outputs: [{ name: x }]', 'outputs is for what is carried out'],
    ['approval: { message: Go? }, wait: { for: 1m }', 'not both'],
    ['approval: { message: Go?, on_timeout: continue }', 'on_timeout goes with timeout'],
    ["approval: { message: ' ' }", 'The message is empty'],
    ['approval: { message: Go?, count: 3, by: [ann, bob] }', 'only 2 may answer'],
    ["approval: { message: 'Build ${{ steps.s.build.outputs.other }}?' }", 'declares no output'],
    ["approval: { message: 'With ${{ params.token }}?' }", 'There is no parameter'],
    ['approval: { mesage: Go? }', 'message'],
    ['wait: {}', 'for'],
  ])('is refused: %s', (gate, why) => expect(faultsOf(job(gate)).join('\n')).toContain(why));

  it.each([
    ['people', gateLimits.approvalCountMax, (n: number) => `approval: { message: Go?, count: ${n} }`],
    [
      'names',
      gateLimits.approvalByMax,
      (n: number) => `approval: { message: Go?, by: [${Array.from({ length: n }, (_, i) => `t${i}`).join(', ')}] }`,
    ],
    ['a message', gateLimits.approvalMessageBytesMax, (n: number) => `approval: { message: ${'m'.repeat(n)} }`],
    ['a time', gateLimits.gateMsMax, (n: number) => `approval: { message: Go?, timeout: ${n}ms }`],
    ['a wait', gateLimits.gateMsMax, (n: number) => `wait: { for: ${n}ms }`],
  ])('has bounds: %s', (_, max, gate) => {
    expect(faultsOf(job(gate(max)))).toEqual([]);
    expect(faultsOf(job(gate(max + 1)))).toHaveLength(1);
  });

  it('has them in whatever way it comes', () => {
    const by = Array.from({ length: gateLimits.approvalByMax + 1 }, (_, n) => `t${n}`);
    const faults = workFaults(
      {
        kind: 'approval',
        message: 'm'.repeat(gateLimits.approvalMessageBytesMax + 1),
        count: gateLimits.approvalCountMax + 1,
        by,
        notByStarter: false,
        timeoutMs: gateLimits.gateMsMax + 1,
        onTimeout: 'fail',
      },
      { secrets: {} },
    );
    expect(faults.map(({ pointer }) => pointer)).toEqual([
      '#/approval/message',
      '#/approval/count',
      '#/approval/by',
      '#/approval/timeout',
    ]);
    expect(workFaults({ kind: 'wait', ms: gateLimits.gateMsMax + 1 }, { secrets: {} })).toHaveLength(1);
  });
});
