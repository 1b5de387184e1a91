/** Exit codes as the documents tell them and as the code has them: scripts are written by the documents. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DroverApiError, DroverUnreachableError, type Run } from '@drover/sdk';
import { describe, expect, it } from 'vitest';
import { errors, type ErrorCode } from '../../src/base/errors.ts';
import { EXIT, exitOfError } from '../../src/base/exit-codes.ts';
import { exitOfRun, explain, UsageError } from '../../src/cli/exit.ts';
import { UNREACHED } from '../../src/domain/run/unreached.ts';
import { root } from '../support/source-tree.ts';

const page = (path: string): string => readFileSync(join(root, path), 'utf8');
const rows = [...page('docs/ERRORS.md').matchAll(/^\| (\d) \| ([^|]+) \| ([^|]+) \|$/gm)].map(
  ([, code, means, examples]) => ({ code: Number(code), means: means!, examples: examples! }),
);

describe('the table of exit codes', () => {
  it('has a row for each, in order', () => {
    expect(rows.map(({ code }) => code)).toEqual(Object.values(EXIT));
  });

  it.each(['README.md', 'docs/guides/first-run.md', 'src/cli/runs/run-command.ts'])(
    'is told the same in %s',
    (path) => {
      const said = page(path).replaceAll(/\s+/g, ' ');
      const words = {
        0: 'all',
        1: 'some did not',
        2: 'bad usage',
        3: 'refused',
        4: 'server not reached',
        5: 'nothing',
      };
      for (const [code, word] of Object.entries(words)) expect(said).toMatch(new RegExp(`\\b${code} ${word}`));
    },
  );

  it('names with each exit code error codes that end with it', () => {
    const named = (code: number): string[] =>
      [...rows[code]!.examples.matchAll(/`([a-z]+(?:-[a-z]+)+)`/g)].map(([, one]) => one!);
    for (const code of [EXIT.refused, EXIT.unreachable])
      for (const one of named(code)) expect([one, exitOfError(one)]).toEqual([one, code]);
    // These are what became of hosts, not of the call.
    expect(named(EXIT.hostsUnreached).filter((one) => !UNREACHED.has(one))).toEqual([]);
    expect(named(EXIT.failed).filter((one) => UNREACHED.has(one))).toEqual([]);
    expect(exitOfError('internal')).toBe(EXIT.failed);
  });

  it('says of every error code the same, whether a server tells it or a program of this machine', async () => {
    for (const [code, { status }] of Object.entries(errors))
      if (code !== 'internal')
        expect([code, (await explain(new DroverApiError(status, { code, detail: '' }))).code]).toEqual([
          code,
          exitOfError(code),
        ]);
    const bad = Object.entries(errors).filter(([, { status }]) => status === 400 || status === 413);
    for (const [code] of bad) expect([code, exitOfError(code)]).toEqual([code, EXIT.usage]);
  });

  it('holds for what no server says', async () => {
    expect((await explain(new UsageError('x'))).code).toBe(EXIT.usage);
    expect((await explain(new DroverUnreachableError('x'))).code).toBe(EXIT.unreachable);
    expect((await explain(new Error('x'))).code).toBe(EXIT.failed);
  });
});

describe('what a run ends with', () => {
  const run = (state: Run['state'], counts: Partial<Run['counts']>) =>
    ({ state, counts: { ...counts } }) as Pick<Run, 'state' | 'counts'>;
  async function* reasons(...codes: readonly (ErrorCode | undefined)[]) {
    for (const reason of codes) yield reason === undefined ? {} : { reason };
  }

  it.each([
    ['all succeeded', run('succeeded', { succeeded: 2 }), [], EXIT.succeeded],
    ['nothing had its turn', run('skipped', { waiting: 0, succeeded: 0, skipped: 0 }), [], EXIT.succeeded],
    ['all were skipped', run('skipped', { skipped: 2 }), [], EXIT.failed],
    ['one failed, one was off', run('failed', { failed: 1, not_started: 1 }), ['start-deadline'], EXIT.failed],
    ['a host was off', run('failed', { succeeded: 1, not_started: 1 }), ['start-deadline'], EXIT.hostsUnreached],
    ['a host went away', run('failed', { succeeded: 1, lost: 1 }), ['link-lost'], EXIT.hostsUnreached],
    ['a host has no account', run('failed', { not_started: 1 }), ['account-missing'], EXIT.failed],
    [
      'one is off, one has no such user',
      run('failed', { not_started: 2 }),
      ['ssh-refused', 'user-unknown'],
      EXIT.failed,
    ],
    ['a host restarted', run('failed', { lost: 1 }), ['host-rebooted'], EXIT.failed],
    ['nobody says why', run('failed', { not_started: 1 }), [undefined], EXIT.failed],
    ['somebody cancelled it', run('cancelled', { cancelled: 1, not_started: 1 }), ['start-deadline'], EXIT.failed],
  ] as const)('%s', async (_what, ended, codes, exit) => {
    expect(await exitOfRun(ended, () => reasons(...codes))).toBe(exit);
  });

  it('counts as not reached what may pass by itself, and nothing that a host refuses for good', () => {
    for (const code of UNREACHED) expect([code, errors[code as ErrorCode].retryable]).toEqual([code, true]);
  });
});
