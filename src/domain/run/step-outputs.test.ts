import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jobLimits } from '../../base/job-limits.ts';
import { OUTPUT_REDUCERS, stepOutputs, ToldOfTask, typesOf, type DeclaredOutput, outputIn } from './step-outputs.ts';

const told = (...values: (string | undefined)[]) =>
  values.map((v, n) => ({ host: `web-${n + 1}`, values: v === undefined ? {} : { v } }));
const one = (from: DeclaredOutput['from'], type = typesOf(from)[0]!): DeclaredOutput[] => [{ name: 'v', from, type }];

describe('outputs of a step', () => {
  it.each([
    ['same', 'string', ['a', 'a'], 'a'],
    ['same', 'number', ['1.5', '1.5'], 1.5],
    ['same', 'bool', ['true'], true],
    ['same', 'list', ['a\n\nb\n'], ['a', 'b']],
    ['first', 'string', [undefined, 'b', 'c'], 'b'],
    ['list', 'list', ['b', undefined, 'a'], ['b', 'a']],
    ['list', 'list', [], []],
    ['count', 'number', ['x', undefined, 'y'], 2],
    ['sum', 'number', ['1', undefined, '-2.5'], -1.5],
    ['sum', 'number', [], 0],
    ['min', 'number', ['3', '1e1', undefined], 3],
    ['max', 'number', ['3', '1e1', undefined], 10],
  ] as const)('are drawn together by %s as %s', (from, type, values, drawn) =>
    expect(stepOutputs(one(from, type), told(...values))).toEqual({ values: { v: drawn } }),
  );

  it.each([
    ['same', 'string', ['a', 'b'], 'The hosts do not agree on the output v: web-1 told "a", web-2 "b".'],
    ['same', 'string', ['a', undefined], 'The output v is missing: web-2 has not told it.'],
    ['list', 'list', ['a', 'b\nweb-3 c'], 'The output v of web-2 has several lines; in a list each host has one.'],
    ['same', 'string', [], 'The output v is missing: no host has told it.'],
    ['first', 'string', [undefined], 'The output v is missing: web-1 has not told it.'],
    ['first', 'string', [undefined, undefined], 'The output v is missing: no host has told it.'],
    ['same', 'number', ['x', 'x'], 'The output v of web-1 is no number: "x".'],
    ['same', 'number', [''], 'The output v of web-1 is no number: "".'],
    ['same', 'number', ['0x10'], 'The output v of web-1 is no number: "0x10".'],
    ['same', 'bool', ['yes'], 'The output v of web-1 is no true or false: "yes".'],
    ['sum', 'number', ['1', 'two'], 'The output v of web-2 is no number: "two".'],
    ['sum', 'number', ['1e308', '1e308'], 'The output v is more than a number can be.'],
    ['max', 'number', [undefined], 'The output v is missing: web-1 has not told it.'],
  ] as const)('by %s as %s of %j make the step fail, and it says why', (from, type, values, fault) =>
    expect(stepOutputs(one(from, type), told(...values))).toEqual({ values: {}, fault }),
  );

  it('are told as far as they can be beside those that cannot', () => {
    const declared: DeclaredOutput[] = [...one('same'), { name: 'w', from: 'count', type: 'number' }];
    expect(stepOutputs(declared, told('a', 'b'))).toMatchObject({ values: { w: 0 }, fault: expect.anything() });
  });

  it('have a limit, at which they are kept and beyond which the step fails', () => {
    const empty = Buffer.byteLength(JSON.stringify([['v', '']]));
    const text = 'x'.repeat(jobLimits.jobOutputsBytesMax - empty);
    expect(stepOutputs(one('same'), told(text))).toEqual({ values: { v: text } });
    expect(stepOutputs(one('same'), told(`${text}x`))).toMatchObject({
      values: {},
      fault: expect.stringContaining('bytes'),
    });
  });

  it('are drawn together of so much as hosts may have told, and of the attempts that count', () => {
    const hosts = [0, 1].map((ordinal) => ({ ordinal, host: `h${ordinal}` }));
    const task = new ToldOfTask(one('count'));
    const half = 'x'.repeat(jobLimits.jobToldBytesMax / 2 - 1);
    task.set(0, { values: { v: half, other: 'not declared' } });
    task.set(1, { values: { v: half } });
    expect(task.outputs(hosts)).toEqual({ values: { v: 2 } });
    task.set(1, { values: { v: `${half}x` } });
    expect(task.outputs(hosts)).toMatchObject({ values: {}, fault: expect.stringContaining('have told more than') });
    task.set(1, undefined);
    expect(task.outputs(hosts)).toEqual({ values: { v: 1 } });
    expect(task.outputs([hosts[1]!])).toEqual({ values: { v: 0 } });
    const read = new ToldOfTask(
      one('count'),
      new Map([
        [0, { v: 'a' }],
        [1, null],
      ]),
    );
    expect(read.outputs(hosts)).toHaveProperty('fault');
  });

  it('are of no host where they are more than is kept of all, whoever was heard first, in bytes as the database counts', () => {
    // Three bytes each: as characters there would be room for both.
    const wide = '中'.repeat(Math.ceil(jobLimits.jobToldBytesMax / 6));
    const [first, last, read] = [0, 1, 2].map(() => new ToldOfTask(one('count'))) as [
      ToldOfTask,
      ToldOfTask,
      ToldOfTask,
    ];
    for (const ordinal of [0, 1]) first.set(ordinal, { values: { v: wide } });
    for (const ordinal of [1, 0]) last.set(ordinal, { values: { v: wide } });
    const stored = new ToldOfTask(
      one('count'),
      new Map([
        [0, { v: wide }],
        [1, null],
      ]),
    );
    for (const task of [first, last, stored]) expect([task.get(0), task.get(1)]).toEqual([undefined, undefined]);
    for (const ordinal of [0, 1]) read.set(ordinal, { values: { v: wide.slice(1) } });
    expect([read.get(0), read.get(1)]).toEqual([{ v: wide.slice(1) }, { v: wide.slice(1) }]);
  });

  it('say why the one that was to tell them has not, where it says so', () => {
    const fault = 'Nothing was taken out of the answer: it is no JSON.';
    const [task, hosts] = [new ToldOfTask(one('same')), [{ ordinal: 0, host: '(worker)' }]];
    task.set(0, { values: {}, fault });
    expect(task.outputs(hosts).fault).toBe(`The output v is missing: (worker) has not told it. ${fault}`);
    task.set(0, { values: {} });
    expect(task.outputs(hosts).fault).toBe('The output v is missing: (worker) has not told it.');
  });

  it('come, or a reason why not, whatever hosts tell', () => {
    const value = fc.oneof(fc.constantFrom('1', 'true', '-2e3', ''), fc.string({ unit: 'binary', maxLength: 100 }));
    fc.assert(
      fc.property(
        fc
          .constantFrom(...OUTPUT_REDUCERS)
          .chain((from) => fc.constantFrom(...typesOf(from)).map((type) => one(from, type))),
        fc.array(fc.option(value, { nil: undefined }), { maxLength: 6 }),
        (declared, values) => {
          const { values: drawn, fault } = stepOutputs(declared, told(...values));
          expect(Object.hasOwn(drawn, 'v')).toBe(fault === undefined);
          if (typeof drawn.v === 'number') expect(Number.isFinite(drawn.v)).toBe(true);
          expect(fault?.isWellFormed() ?? true).toBe(true);
        },
      ),
    );
  });

  it('are drawn together in a time that grows with the hosts', () => {
    const cost = (hosts: number): number => {
      const all = told(...Array.from({ length: hosts }, () => 'v'));
      const begun = process.cpuUsage();
      expect(stepOutputs(one('same', 'string'), all)).toEqual({ values: { v: 'v' } });
      return process.cpuUsage(begun).user;
    };
    cost(2_000);
    expect(cost(32_000) / Math.max(1, cost(2_000))).toBeLessThan(100);
  });
});

it('is there under its own name, and under none that every object has', () => {
  const outputs = { values: Object.fromEntries([['v', '1']]) };
  expect(['v', 'w', 'constructor', 'toString'].map((name) => outputIn(outputs, name))).toEqual(['1', ...Array(3)]);
  expect(outputIn(undefined, 'v')).toBeUndefined();
});
