import { expect, it } from 'vitest';
import type { ScriptWork } from '../work/script.ts';
import { httpWork } from '../../../test/support/call-rig.ts';
import { callLimits } from '../../base/call-limits.ts';
import { limits } from '../../base/limits.ts';
import { fillFault, filledWork, type ToldBefore, type WorkFill } from './work-fills.ts';

const WORK: ScriptWork = {
  kind: 'script',
  program: { form: 'argv', argv: ['put', 'A'] },
  args: ['B', 'same'],
  env: { C: 'C', D: 'D' },
  params: {},
  secretNames: [],
  cwd: '/E',
};
const of = (output: string) => ({ task: 3, output });
const FILLS: WorkFill[] = [
  { field: 'command', key: 1, parts: ['a-', of('text'), '-', of('number')] },
  { field: 'args', key: 0, parts: [of('list')] },
  { field: 'env', key: 'C', parts: [of('bool')] },
  { field: 'cwd', key: 0, parts: ['/srv/', of('text')] },
];
const told = (value: string): ToldBefore => ({ outputOf: () => value, nameOf: () => 'a/b' });
const VALUES = { text: "x; rm -rf '/' $(a) ${{ steps.a.b.outputs.c }}", number: 1.5, bool: false, list: ['a b', 'c'] };

it('puts outputs into the words where they stand, as they are, and leaves everything else', () => {
  const filled = filledWork(WORK, FILLS, ({ output }) => VALUES[output as keyof typeof VALUES]);
  expect(filled).toEqual({
    ...WORK,
    program: { form: 'argv', argv: ['put', `a-${VALUES.text}-1.5`] },
    args: ['a b\nc', 'same'],
    env: { C: 'false', D: 'D' },
    cwd: `/srv/${VALUES.text}`,
  });
  const script: ScriptWork = { ...WORK, program: { form: 'text', text: Buffer.from('x') } };
  expect(filledWork(script, FILLS.slice(1, 2), () => 'v')).toEqual({ ...script, args: ['v', 'same'] });
});

it('puts outputs into the texts of a call, each where it stands, and leaves secrets', () => {
  const output = { step: 'a.b', output: 'text' };
  const call = httpWork(['https://a.example/', output], {
    headers: { h: [{ secret: 'S' }, output] },
    body: { form: 'text', text: ['x', output] },
  });
  const fills: WorkFill[] = [{ field: 'call', key: 'a.b.outputs.text', parts: [of('text')], times: 3 }];
  const value = { value: VALUES.text };
  expect(filledWork(call, fills, () => VALUES.text)).toEqual({
    ...call,
    url: ['https://a.example/', value],
    headers: { h: [{ secret: 'S' }, value] },
    body: { form: 'text', text: ['x', value] },
  });
  expect(() => filledWork(call, [], () => 'x')).toThrow('a.b.outputs.text');
});

it('tells before any text is made what would be longer than a call may send, however often it stands there', () => {
  const fill = (times: number): WorkFill => ({ field: 'call', key: 'a.b.outputs.c', parts: [of('v')], times });
  const max = callLimits.callBodyBytesMax;
  expect(fillFault([fill(4)], told('x'.repeat(max / 4)))).toBeUndefined();
  expect(fillFault([fill(4), { ...fill(1), key: 'x' }], told('x'.repeat(max / 4)))).toMatchObject({
    reason: 'bad-input',
  });
  expect(fillFault([fill(max + 1)], told('x'))).toMatchObject({ detail: expect.stringContaining(`${max + 1} bytes`) });
});

it('makes nothing where something is missing', () => {
  expect(() => filledWork(WORK, FILLS, () => undefined)).toThrow('without its output');
});

it('says which output is not there, whatever is to be given it', () => {
  const none: ToldBefore = { outputOf: () => undefined, nameOf: (task) => `all/step-${task}` };
  for (const fill of [...FILLS, { field: 'call', key: 'x', parts: [of('text')] } as const])
    expect(fillFault([fill], none)).toEqual({
      reason: 'output-absent',
      detail: expect.stringContaining('The step all/step-3 was passed over, and has told no output '),
    });
});

it('tells before any word is made which is longer than a process can be given', () => {
  const fill = (...parts: WorkFill['parts']): WorkFill => ({ field: 'command', key: 1, parts });
  const said = (fills: readonly WorkFill[], text: string) => fillFault(fills, told(text));
  const longest = 'x'.repeat(limits.argumentStringBytesMax - 3);
  expect(said([fill('a-', of('v'))], longest)).toBeUndefined();
  expect(said([fill('ab-', of('v'))], longest)).toMatchObject({
    reason: 'bad-input',
    detail: expect.stringContaining(`a word has ${limits.argumentStringBytesMax + 1} bytes (command, word 2)`),
  });
  // What is written in a few letters may stand for anything, over and over.
  const often = fill(...Array.from({ length: 5_000 }, () => of('v')));
  expect(said([often], 'x'.repeat(16_384))?.detail).toContain('bytes (command, word 2)');
  const halves = [fill(of('v')), { ...fill(of('v')), field: 'env', key: 'E' } as const];
  expect(said(halves, 'x'.repeat(limits.argumentsBytesMax / 2 - 1))).toBeUndefined();
  expect(said(halves, 'x'.repeat(limits.argumentsBytesMax / 2))?.detail).toContain('together');
});

it('lets no output lead out of the folder that the job names', () => {
  const cwd: WorkFill[] = [{ field: 'cwd', key: 0, parts: ['/srv/', of('v')] }];
  for (const inside of ['app', 'a/b', 'a..b', '..a', '...']) expect(fillFault(cwd, told(inside))).toBeUndefined();
  for (const outside of ['..', '../etc', 'a/../../etc', 'a/..'])
    expect(fillFault(cwd, told(outside))).toMatchObject({
      detail: expect.stringContaining('no part of it may lead up'),
    });
});
