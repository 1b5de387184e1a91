import { describe, expect, it } from 'vitest';
import { jobLimits } from '../../base/job-limits.ts';
import { limits } from '../../base/limits.ts';
import { JobRun } from '../../protocol/rest/job-resources.ts';
import { readParameter, settleValues, valueFault, type Parameter, type ParameterValue } from './parameter.ts';

const read = (parameter: Omit<Parameter, 'name'>) =>
  readParameter({ name: 'p', ...parameter }, jobLimits.jobPatternStatesMax);

describe('the value of a parameter', () => {
  it.each<[Omit<Parameter, 'name'>, readonly ParameterValue[], readonly ParameterValue[]]>([
    [
      {},
      ['', 'a b', 'x'.repeat(jobLimits.jobStringLengthMax)],
      ['a\nb', '\0', 1, true, 'x'.repeat(jobLimits.jobStringLengthMax + 1)],
    ],
    [{ pattern: 'v\\d+', min: 3, max: 4 }, ['v12', 'v123'], ['v1', 'v1234', 'w12']],
    [
      { type: 'text' },
      ['a\nb', 'x'.repeat(jobLimits.jobTextBytesMax)],
      ['\0', 'x'.repeat(jobLimits.jobTextBytesMax + 1), 'é'.repeat(jobLimits.jobTextBytesMax)],
    ],
    [
      { type: 'number', min: -1, max: 10 },
      [0, '10', '1e1', -1, '1.50'],
      ['', ' 1', '0x1', 'NaN', 'Infinity', 1e999, '1e999', 11, -2, true],
    ],
    [{ type: 'bool' }, [true, 'false'], ['yes', '', 1]],
    [{ type: 'choice', choices: ['blue', 'green'] }, ['blue'], ['bleu', '', 1]],
    [
      { type: 'date', min: '2024-02-01' },
      ['2024-02-29', '2400-02-29'],
      ['2023-02-29', '2100-02-29', '2024-13-01', '2024-00-10', '24-1-1', 'today', 20240301],
    ],
    [{ type: 'hosts' }, ['web-*', 'role=web and not web-1'], ['', 'web-[', 'and']],
    [{ type: 'secret', min: 6 }, ['hunter22'], ['abc', 'abcde', 'abcd\0efgh', 'x'.repeat(limits.secretBytesMax + 1)]],
  ])('%o', (parameter, fit, unfit) => {
    const { parameter: known, faults } = read(parameter);
    expect(faults).toEqual([]);
    for (const value of fit) expect([value, valueFault(known, value)]).toEqual([value, undefined]);
    for (const value of unfit) expect([value, typeof valueFault(known, value)]).toEqual([value, 'string']);
  });

  it('is not repeated where it is a secret', () => {
    expect(valueFault(read({ type: 'secret', max: 5 }).parameter, 'hunter22')).not.toContain('hunter22');
    expect(valueFault(read({ type: 'secret' }).parameter, 12_345_678)).toBe('is a text');
  });
});

describe('a parameter', () => {
  it.each<[Omit<Parameter, 'name'>, readonly string[]]>([
    [{ type: 'number', pattern: 'a' }, ['pattern']],
    [{ type: 'bool', min: 1 }, ['min']],
    [{ type: 'number', min: '1' }, ['min']],
    [{ type: 'date', max: 1 }, ['max']],
    [{ min: 1.5 }, ['min']],
    [{ min: 2, max: 1 }, ['max']],
    [{ type: 'choice' }, ['choices']],
    [{ type: 'choice', choices: ['a', 'a'] }, ['choices']],
    [{ type: 'choice', choices: ['a\nb'] }, ['choices']],
    [{ choices: ['a'] }, ['choices']],
    [{ required: true, default: 'x' }, ['required']],
    [{ type: 'secret', default: 'hunter22' }, ['default']],
    [{ type: 'date', default: 'today' }, ['default']],
    [{ pattern: 'a', default: 'b' }, ['default']],
    [{ pattern: '(' }, ['pattern']],
  ])('%o is refused', (parameter, fields) => {
    expect(read(parameter).faults.map(({ field }) => field)).toEqual(fields);
  });

  it('has a part of the places that the patterns of a job may have together', () => {
    const { parameter } = read({ pattern: 'abc' });
    expect(readParameter({ name: 'p', pattern: 'abc' }, parameter.compiled!.size).faults).toEqual([]);
    expect(readParameter({ name: 'p', pattern: 'abc' }, parameter.compiled!.size - 1).faults).toHaveLength(1);
  });
});

describe('the values of a start', () => {
  const parameters = [
    read({ required: true }).parameter,
    { name: 'version', default: '1.10' },
    { name: 'count', type: 'number', default: 3 },
    { name: 'maybe' },
    { name: 'color', type: 'choice', choices: ['blue', 'green'] },
  ] as const;

  it('are those that came and the defaults of the others', () => {
    const { values, faults } = settleValues(parameters, { params: { p: 'x', count: '4' } });
    expect(faults).toEqual([]);
    expect(Object.fromEntries(values)).toEqual({ p: 'x', version: '1.10', count: '4' });
  });

  it('are refused as secrets where they are none, and the other way round, and no secret is repeated', () => {
    const own = [read({ type: 'secret' }).parameter, { name: 'version' }];
    const secrets = { version: 'hunter21', nope: 'hunter23' };
    const { values, faults } = settleValues(own, { params: { p: 'hunter22' }, secrets });
    expect([...values]).toEqual([]);
    expect(faults.map(({ pointer }) => pointer)).toEqual(['#/secrets/nope', '#/params/p', '#/secrets/version']);
    expect(JSON.stringify(faults)).not.toContain('hunter');
    expect(
      Object.fromEntries(settleValues(own, { params: { version: 'v' }, secrets: { p: 'hunter22' } }).values),
    ).toEqual({
      p: 'hunter22',
      version: 'v',
    });
  });

  it('are refused all at once, each at its place', () => {
    const { faults } = settleValues(parameters, {
      params: { vresion: 'x', count: 'many', color: 'grene', constructor: 'x' } as Record<string, string>,
    });
    expect(faults.map(({ pointer, code }) => `${pointer} ${code}`)).toEqual([
      '#/params/vresion parameter-invalid',
      '#/params/constructor parameter-invalid',
      '#/params/p parameter-invalid',
      '#/params/count parameter-invalid',
      '#/params/color parameter-invalid',
    ]);
    expect(faults[0]!.detail).toMatch(/Did you mean version\?$/);
    expect(faults[4]!.detail).toContain('Did you mean green?');
  });

  it('are looked at until as many faults are found as are told', () => {
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`unknown${i}`, 'x']));
    expect(settleValues(parameters, { params: many }).faults).toHaveLength(limits.faultsToldMax);
    const values = Object.fromEntries(Array.from({ length: jobLimits.jobParametersMax }, (_, i) => [`p${i}`, 'x']));
    expect(JobRun.safeParse({ params: values }).success).toBe(true);
    expect(JobRun.safeParse({ params: { ...values, more: 'x' } }).success).toBe(false);
  });
});
