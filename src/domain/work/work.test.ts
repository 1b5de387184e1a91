import { describe, expect, it } from 'vitest';
import { limits } from '../../base/limits.ts';
import type { ScriptWork } from './script.ts';
import { storedWork, workFaults, workOf, type StoredWork } from './work.ts';

const TEXT: ScriptWork = {
  kind: 'script',
  program: { form: 'text', text: Buffer.from('echo "$TOKEN"') },
  lang: 'bash',
  args: ['a'],
  env: { E: '1' },
  params: { P: '2' },
  secretNames: ['TOKEN'],
  cwd: '/srv',
  stdin: Buffer.from('in'),
};
const ARGV: ScriptWork = {
  kind: 'script',
  program: { form: 'argv', argv: ['true'] },
  args: [],
  env: {},
  params: {},
  secretNames: [],
};

describe('work as it is kept', () => {
  it('says its kind and version, and is read as it was', () => {
    expect(storedWork(ARGV)).toEqual({
      v: 1,
      kind: 'script',
      argv: ['true'],
      args: [],
      env: {},
      params: {},
      secretNames: [],
    });
    for (const work of [TEXT, ARGV]) expect(workOf(storedWork(work))).toEqual(work);
  });

  it('has its fields in one order and none that is absent, whatever order they came in', () => {
    const { cwd, stdin, ...rest } = TEXT;
    const turned = { stdin, ...Object.fromEntries(Object.entries(rest).reverse()), cwd } as ScriptWork;
    expect(JSON.stringify(storedWork(turned))).toBe(JSON.stringify(storedWork(TEXT)));
    expect(Object.keys(storedWork({ ...ARGV, lang: undefined as never }))).not.toContain('lang');
  });

  it.each<[string, StoredWork]>([
    ['a kind of tomorrow', { v: 1, kind: 'of-tomorrow' }],
    ['a name that every object has', { v: 1, kind: 'constructor' }],
    ['a later form of a known kind', { ...storedWork(ARGV), v: 2 }],
  ])('is refused when it is %s', (_what, stored) => {
    expect(() => workOf(stored)).toThrow(expect.objectContaining({ code: 'schema-newer' }));
  });
});

describe('the limits of a script', () => {
  const pointers = (special: Partial<ScriptWork>, secrets: Record<string, string> = {}): string[] =>
    workFaults({ ...ARGV, ...special }, { secrets }).map(({ pointer, code }) => `${pointer} ${code}`);
  const text = (value: string | Uint8Array): Partial<ScriptWork> => ({
    program: { form: 'text', text: Buffer.from(value as string) },
  });

  it.each<[string, Partial<ScriptWork>, Record<string, string>, string[]]>([
    ['nothing wrong', { env: { A: '1' } }, { B: 'secret' }, []],
    ['a script of blanks', text(' \n'), {}, ['#/script script-empty']],
    ['a large script', text(Buffer.alloc(limits.scriptBytesMax + 1, 'x')), {}, ['#/script script-too-large']],
    ['a script that no shell reads', text(Buffer.from([0xff, 0xfe, 0x65, 0])), {}, ['#/script script-format']],
    ['no command', { program: { form: 'argv', argv: [] } }, {}, ['#/command script-empty']],
    ['a folder from nowhere', { cwd: 'srv' }, {}, ['#/cwd bad-input']],
    ['much input', { stdin: Buffer.alloc(limits.stdinBytesMax + 1) }, {}, ['#/stdin bad-input']],
    [
      'a name that is none',
      { env: { '1': 'x' }, params: { 'a-b': '' } },
      {},
      ['#/env/1 bad-input', '#/params/a-b bad-input'],
    ],
    [
      'a name of our own',
      { env: { __drover_A: 'x' }, params: { __drover_P: '' } },
      { __drover_S: 'secret' },
      ['#/env/__drover_A bad-input', '#/secrets/__drover_S bad-input'],
    ],
    [
      'NUL in a value and in an argument',
      { params: { p: '\0' }, args: ['\0'] },
      {},
      ['#/params/p bad-input', '#/args bad-input'],
    ],
    ['a secret too short to be masked', {}, { S: 'x' }, ['#/secrets/S bad-input']],
    ['a name given twice', { env: { S: 'x' } }, { S: 'secret' }, ['#/secrets/S bad-input']],
    [
      'a variable that no system takes',
      { env: { A: 'x'.repeat(limits.argumentStringBytesMax - 2) } },
      {},
      ['#/env/A bad-input', '#/args bad-input'],
    ],
  ])('finds %s', (_what, special, secrets, faults) => {
    expect(pointers(special, secrets)).toEqual(faults);
  });

  it('tells every fault at once', () => {
    expect(pointers({ ...text(''), cwd: 'x', env: { '': '' } }, { S: 'x' })).toHaveLength(4);
  });
});
