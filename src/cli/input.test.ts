import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { limits } from '../base/limits.ts';
import { RUN_STATES } from '../domain/flow/run-machine.ts';
import { parseTarget } from '../domain/target/expression.ts';
import { choicesOf, duration, Faults, Inputs, instant, number, oneTarget, pairs } from './input.ts';
import { isShellLine, runRequest } from './runs/run-request.ts';
import { isSweeping } from './targets.ts';

const folder = mkdtempSync(join(tmpdir(), 'drover-input-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function faultsOf(read: (faults: Faults) => unknown): string {
  const faults = new Faults();
  read(faults);
  try {
    faults.end();
  } catch (error) {
    return (error as Error).message;
  }
  return '';
}

describe('values of parameters', () => {
  it('are texts, or those of files, and a text may begin with @ all the same', () => {
    const path = file('sites.txt', 'a\nb\r\n');
    const read = (...texts: string[]): [Record<string, string>, string] => {
      let values: Record<string, string> = {};
      const faults = faultsOf((all) => (values = new Inputs(all).values('--param', texts)));
      return [values, faults];
    };
    expect(read('A=x', `B=@${path}`, 'C=@@home', 'D=a@b')).toEqual([{ A: 'x', B: 'a\nb', C: '@home', D: 'a@b' }, '']);
    expect(read('A=@/nonexistent/file')[1]).toContain('--param A: the file /nonexistent/file cannot be read');
    expect(read(`A=@${file('large', Buffer.alloc(limits.argumentsBytesMax + 1, 'x'))}`)[1]).toContain('has more than');
    expect(read(`A=@${file('whole', Buffer.alloc(limits.argumentsBytesMax, 'x'))}`)[1]).toBe('');
  });
});

describe('a command line', () => {
  it.each([
    ['pairs without a name', (faults: Faults) => pairs(faults, '--env', ['=x']), 'NAME=VALUE'],
    ['a name twice', (faults: Faults) => pairs(faults, '--env', ['A=1', 'A=2']), 'given twice'],
    ['a number that is none', (faults: Faults) => number(faults, '--retries', '1e3'), 'whole number'],
    [
      'a number out of its range',
      (faults: Faults) => number(faults, '--retries', '101', { most: 100 }),
      'from 0 to 100',
    ],
    ['a duration without a unit', (faults: Faults) => duration(faults, '--timeout', '5'), 'bad-duration'],
    ['no duration at all', (faults: Faults) => duration(faults, '--timeout', '0s'), 'longer than nothing'],
    [
      'a duration beyond its limit',
      (faults: Faults) => duration(faults, '--kill-after', '2h', 3_600_000),
      '1h at most',
    ],
    [
      'a number below nothing',
      (faults: Faults) => number(faults, '--limit', '-1', { least: 1, most: 9 }),
      'from 1 to 9',
    ],
    ['a time before all', (faults: Faults) => instant(faults, '--since', '99999999d', 0), 'since 1970'],
    ['a time that is none', (faults: Faults) => instant(faults, '--since', '31.12.', 0), '2h (ago)'],
    [
      'a secret that is a name alone',
      (faults: Faults) => new Inputs(faults).secrets(['TOKEN']),
      'NAME=env:VARIABLE, not',
    ],
    ['a secret in clear', (faults: Faults) => new Inputs(faults).secrets(['A=hunter2']), 'history'],
    [
      'a secret from a variable that is not there',
      (faults: Faults) => new Inputs(faults).secrets(['A=env:DROVER_NO_SUCH']),
      'no environment variable',
    ],
    [
      'a secret from a file that is not there',
      (faults: Faults) => new Inputs(faults).secrets([`A=@${folder}/none`]),
      'no such file',
    ],
    [
      'text that is not text',
      (faults: Faults) => new Inputs(faults).text('--stdin', file('binary', Buffer.from([0xff])), 10),
      'not UTF-8',
    ],
    [
      'a file without an end',
      (faults: Faults) => new Inputs(faults).read('--script', '/dev/zero', 1_000_000),
      'more than the 1000000 bytes',
    ],
    [
      'a file one byte too large',
      (faults: Faults) => new Inputs(faults).read('--script', file('large', 'x'.repeat(101)), 100),
      'more than the 100 bytes',
    ],
  ])('is refused for %s', (_what, read, why) => {
    const told = faultsOf(read);
    expect(told).toContain(why);
    expect(told).not.toContain('hunter2');
  });

  it('takes values as they are', () => {
    const faults = new Faults();
    expect(pairs(faults, '--env', ['A=b=c', '__proto__=x', 'E='])).toEqual(
      Object.fromEntries([
        ['A', 'b=c'],
        ['__proto__', 'x'],
        ['E', ''],
      ]),
    );
    expect(new Inputs(faults).secrets([`A=@${file('secret', 'open sesame\r\n')}`])).toEqual({ A: 'open sesame' });
    expect(new Inputs(faults).read('--script', file('fits', 'x'.repeat(100)), 100)).toHaveLength(100);
    expect(instant(faults, '--since', '2h', Date.parse('2026-03-01T12:00:00Z'))).toBe('2026-03-01T10:00:00.000Z');
    faults.end();
  });
});

describe('states of a command line', () => {
  it.each([...RUN_STATES])('know %s, as every run that has it is listed by', (state) => {
    const faults = new Faults();
    expect(choicesOf(faults, '--state', RUN_STATES, state)).toEqual([state]);
    faults.end();
  });

  it('are taken as they are shown to people, several at once', () =>
    expect(choicesOf(new Faults(), '--state', RUN_STATES, 'failed, timed out,timed-out')).toEqual([
      'failed',
      'timed_out',
      'timed_out',
    ]));

  it('are told when one is unknown', () =>
    expect(faultsOf((faults) => choicesOf(faults, '--state', ['ssh', 'lost'], 'ssh,lots'))).toBe(
      '--state knows ssh, lost; not "lots".',
    ));
});

describe('the targets of a command line', () => {
  it('are any of those given, each as it stands', () => {
    expect(oneTarget(['a or b'])).toBe('a or b');
    expect(parseTarget(oneTarget(['a or b', 'not c'])).ok).toBe(true);
  });

  it.each([
    ['all', true],
    ['*', true],
    ['not db-*', true],
    ['web-1 or all', true],
    ['zone!=a', true],
    ['zone=*', true],
    ['all and web-*', false],
    ['web-*', false],
    ['zone=a and not db-*', false],
    ['local-[1-9]', false],
  ])('%s means the whole fleet: %s', async (text, sweeps) => expect(await isSweeping(text)).toBe(sweeps));
});

describe('the request for a run', () => {
  it('holds what was said and nothing else', async () => {
    expect(await runRequest(['uptime', '-p'], { target: ['web-*'], timeout: '5m', as: 'deploy' })).toEqual({
      targets: 'web-*',
      command: ['uptime', '-p'],
      account: 'deploy',
      args: [],
      env: {},
      params: {},
      secrets: {},
      timeout: '5m',
    });
    const script = file('fix.sh', Buffer.from([0x23, 0xff]));
    expect(await runRequest([], { target: ['all'], script, arg: ['x'] })).toEqual({
      targets: 'all',
      scriptBase64: 'I/8=',
      name: 'fix.sh',
      args: ['x'],
      env: {},
      params: {},
      secrets: {},
    });
    expect((await runRequest([], { target: ['all'], script, name: 'mine' })).name).toBe('mine');
  });

  it('takes one argument that a shell would read as a line for the shell, as ssh does, and several as they are', async () => {
    const line = async (text: string): Promise<string | undefined> =>
      (await runRequest([text], { target: ['all'] })).scriptBase64;
    for (const text of ['echo hi; hostname', 'ls | wc', 'echo $HOME', 'a b', "'x'", '*', 'x>y', '~/bin/x', 'x\ty'])
      expect(Buffer.from((await line(text)) ?? '', 'base64').toString()).toBe(`${text}\n`);
    for (const text of ['uptime', '/usr/bin/x-1.2_3', 'a:b,c@d%+']) expect(await line(text)).toBe(undefined);
    expect(isShellLine(['echo', 'hi; hostname'])).toBe(false);
    expect(await runRequest(['print(1)'], { target: ['all'], lang: 'python' })).toMatchObject({
      lang: 'python',
      name: 'print(1)',
    });
  });

  it('wants to be told where', () => expect(runRequest(['x'], {})).rejects.toThrow('Say where: -t EXPRESSION'));

  it('has a name that the server takes, whatever the file or the line is called', async () => {
    const script = file(`${'n'.repeat(240)}.sh`, 'true');
    expect((await runRequest([], { target: ['all'], script })).name).toHaveLength(100);
    expect((await runRequest([`echo ${'😀'.repeat(150)}`], { target: ['all'] })).name!.isWellFormed()).toBe(true);
  });

  it('has standard input of any bytes', async () => {
    const stdin = file('image', Buffer.from([0, 0xff, 10]));
    expect(await runRequest(['cat'], { target: ['all'], stdin })).toMatchObject({ stdinBase64: 'AP8K' });
  });

  it('mends a script from Windows when it is told to, and says so when it is not', async () => {
    const script = file('windows.sh', '\ufeff#!/bin/sh\r\necho\r\n');
    await expect(runRequest([], { target: ['all'], script })).rejects.toThrow(/byte order mark .*--fix-line-ends/);
    expect(await runRequest([], { target: ['all'], script, lang: 'powershell' })).toHaveProperty('scriptBase64');
    const { scriptBase64 } = await runRequest([], { target: ['all'], script, fixLineEnds: true });
    expect(Buffer.from(scriptBase64!, 'base64').toString()).toBe('#!/bin/sh\necho\n');
    await expect(runRequest(['x'], { target: ['all'], fixLineEnds: true })).rejects.toThrow(/--script/);
  });

  it('is refused with all its faults', async () => {
    const empty = file('empty.sh', ' \n');
    const [short, nul] = [file('short', 'abc'), file('nul', 'abc\0def')];
    await expect(
      runRequest(['x'], {
        script: empty,
        env: ['A B=1', 'S=1'],
        secret: [`S=@${short}`, `N=@${nul}`],
        concurrency: '0',
      }),
    ).rejects.toThrow(/^8 things are wrong:/);
  });
});
