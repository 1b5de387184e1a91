/**
 * Inputs that users of other tools reported as trouble, alike for every ledger: what scripts and arguments look like, how scripts end,
 * and what they leave behind. `make` gives a started ledger and the means to end its world; many inputs run in it at once.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { limits } from '../../src/base/limits.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { AgentReport } from '../../src/protocol/link/agent-v1.ts';
import { until } from '../support/until.ts';
import { isAlive, newAttempt, reportOf } from './ledger.ts';
import { HOST, specOf, type SpecMore } from '../support/execution-spec.ts';

const BOM = '\ufeff';
const SEARCHED = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export function inputConformance(
  make: () => Promise<{ ledger: Ledger; restart: () => Promise<Ledger>; end: () => Promise<void> }>,
): void {
  describe('inputs that were trouble elsewhere', () => {
    let world: Awaited<ReturnType<typeof make>>;
    let ledger: Ledger;
    const scratch = mkdtempSync(join(tmpdir(), 'drover-inputs-'));
    beforeAll(async () => {
      world = await make();
      ledger = world.ledger;
    });
    afterAll(async () => {
      await world.end();
      rmSync(scratch, { recursive: true, force: true });
    });

    async function run(script: string, more: SpecMore = {}): Promise<AgentReport> {
      const attempt = newAttempt();
      expect(await ledger.startAttempt(attempt, specOf(script, more), HOST)).toBe('accepted');
      return reportOf(ledger, attempt);
    }
    async function command(argv: string[], more: SpecMore = {}): Promise<AgentReport> {
      const attempt = newAttempt();
      expect(await ledger.startAttempt(attempt, specOf(argv, more), HOST)).toBe('accepted');
      return reportOf(ledger, attempt);
    }
    const bytes = (report: AgentReport): Buffer => Buffer.from(report.stdout.inline ?? []);
    const text = (report: AgentReport): string => bytes(report).toString();

    it.each([
      ['a mark before set -e', `${BOM}set -e\nfalse\necho done\n`, 'byte order mark'],
      ['a mark before #!', `${BOM}#!/bin/bash\necho done\n`, 'byte order mark'],
      ['CR LF after #!', '#!/bin/sh\r\necho done\r\n', 'carriage return'],
      ['CR LF after a shell that is not there', '#!/no/such/interp\r\necho done\r\n', 'carriage return'],
      ['CR LF all over', 'set -e\r\nfalse\r\necho done\r\n', 'carriage return'],
    ])('refuses a shell script with %s by name', async (_what, script, cause) => {
      const report = await run(script);
      expect(report).toMatchObject({ outcome: { kind: 'refused', reason: 'script-format' } });
      expect(report.detail).toContain(cause);
      expect(report.detail).toContain('--fix-line-ends');
    });

    it('passes a mark and CR LF on to who can read them', async () => {
      expect(text(await run(`${BOM}print("read")\r\n`, { lang: 'python' }))).toBe('read\n');
    });

    it('names what is the matter with a program that cannot be run', async () => {
      const because = async (report: Promise<AgentReport>) => {
        const { outcome, detail } = await report;
        expect(outcome).toEqual({ kind: 'refused', reason: 'interpreter-missing' });
        return detail;
      };
      const fixed =
        ', named by the first line of the script, on this host. Install it, or name another there or with --lang.';
      expect(await because(run('#!/no/such/interp -x\necho'))).toBe(`There is no /no/such/interp${fixed}`);
      expect(await because(run('#!python3\necho'))).toBe(
        'The first line of the script begins with #! and names "python3", which is no absolute path.',
      );
      expect(await because(run('#!/tmp\necho'))).toBe(
        '/tmp, named by the first line of the script, is a folder on this host, not a program.',
      );
      expect(await because(command(['/tmp']))).toBe('/tmp is a folder on this host, not a program.');
      expect(await because(command(['/etc/passwd']))).toBe(
        '/etc/passwd is on this host and may not be executed: it is no program, or lacks the right (chmod +x).',
      );
      expect(await because(command(['/no/such/tool']))).toBe(
        'There is no /no/such/tool on this host. Install it, or give its full path.',
      );
      expect(await because(command(['echo hi; hostname']))).toBe(
        `There is no echo hi; hostname on this host (looked in ${SEARCHED}). Install it, or give its full path.`,
      );
      expect(await because(run('x', { lang: 'no-such-language' }))).toBe(
        `There is no no-such-language on this host (looked in ${SEARCHED}). Install it, or name another with --lang.`,
      );
    });

    it('reads #! itself: one argument, however it is spaced, and arguments after the script', async () => {
      expect(text(await run('#! /usr/bin/env -S sh -eu \nprintf "<%s>" "$-" "$@"', { args: ['a b', ''] }))).toMatch(
        /^<[eu]{2}><a b><>$/,
      );
    });

    it('calls a command by the name that it was given', async () => {
      for (const name of ['sh', '/bin/sh', 'bash'])
        expect(text(await command([name, '-c', 'echo "$0"']))).toBe(`${name}\n`);
      expect(text(await run('cat "$0"'))).toBe('cat "$0"');
    });

    it.each([8_191, 8_192, 8_193, 65_535, 65_536, 65_537])(
      'takes a script of %d bytes without a final newline exactly',
      async (size) => {
        const [first, last] = ['sha256sum <"$0"\n', '\nprintf end'];
        const script = first + '#'.padEnd(size - first.length - last.length, 'x') + last;
        expect(script).toHaveLength(size);
        expect(text(await run(script))).toBe(`${createHash('sha256').update(script).digest('hex')}  -\nend`);
      },
    );

    it('hands arguments on byte for byte, to scripts and commands', async () => {
      const args = [
        "O'Connell",
        'a & b',
        '*',
        '',
        '$HOME',
        'two\nlines',
        '"',
        '\\',
        '!!',
        '`id`',
        '-n',
        '\t é ',
        '%s',
        ';',
      ];
      const said = [...args, 'end', ''].join('\0');
      const echo = 'for a in "$@" end; do printf "%s\\0" "$a"; done';
      expect(text(await run(echo, { args }))).toBe(said);
      expect(text(await command(['sh', '-c', echo, 'x', ...args]))).toBe(said);
      expect(text(await command(['printf', '%s\\0', ...args.slice(0, 10)], { args: [...args.slice(10), 'end'] }))).toBe(
        said,
      );
    });

    it('takes the longest string that a kernel takes, and refuses a longer one instead of failing', async () => {
      const value = 'x'.repeat(limits.argumentStringBytesMax - 'DROVER_PARAM_A='.length - 1);
      expect(text(await run('printf "%s" "${#DROVER_PARAM_A}"', { params: { A: value } }))).toBe(String(value.length));
      expect(await run('true', { params: { A: `${value}x` } })).toMatchObject({
        outcome: { kind: 'refused', reason: 'bad-input' },
      });
      const argument = 'x'.repeat(limits.argumentStringBytesMax - 1);
      expect(text(await run('printf "%s" "${#1}"', { args: [argument] }))).toBe(String(argument.length));
    });

    it('gives standard input byte for byte, also none of it', async () => {
      const all = Buffer.from([...Array.from({ length: 256 }, (_, byte) => byte), 0, 10, 13, 26, 0]);
      expect(bytes(await run('cat', { stdin: all }))).toEqual(all);
      const large = Buffer.alloc(200_001, all);
      expect(text(await run('sha256sum', { stdin: large }))).toBe(
        `${createHash('sha256').update(large).digest('hex')}  -\n`,
      );
      expect(await run('cat', { stdin: Buffer.alloc(0) })).toMatchObject({ outcome: { code: 0 }, stdout: { size: 0 } });
    });

    it('keeps output that is no text', async () => {
      expect(bytes(await run(`printf 'caf\\303\\251 caf\\351\\0x\\n'`)).toString('latin1')).toBe(
        'caf\xc3\xa9 caf\xe9\0x\n',
      );
    });

    it('has the output at once after the end, also of a silent script', async () => {
      const [loud, silent] = [newAttempt(), newAttempt()];
      await ledger.startAttempt(loud, specOf('echo loud'), HOST);
      await ledger.startAttempt(silent, specOf('true'), HOST);
      await reportOf(ledger, loud);
      expect(await ledger.readWhole(loud, 1, 0, 100)).toMatchObject({ size: 5, eof: true });
      expect((await reportOf(ledger, silent)).stdout).toEqual({ size: 0, head: 0, tail: 0 });
      expect(await ledger.readWhole(silent, 1, 0, 100)).toMatchObject({ size: 0, eof: true });
      expect(await ledger.readKept(silent, 2, 0, 100)).toHaveLength(0);
    });

    it('tells 9, 137 and 255 apart', async () => {
      expect(await run('kill -9 $$')).toMatchObject({ outcome: { kind: 'signalled', signal: 'SIGKILL' } });
      expect(await run('exit 137')).toMatchObject({ outcome: { kind: 'exited', code: 137 } });
      expect(await run('exit 255')).toMatchObject({ outcome: { kind: 'exited', code: 255 } });
    });

    it('has the verdict of a script when it ends, whatever it left running, and lets that run', async () => {
      const report = await run('sleep 600 & echo "$!"');
      expect(report).toMatchObject({ outcome: { kind: 'exited', code: 0 } });
      const pid = Number(text(report));
      expect(isAlive(pid)).toBe(true);
      process.kill(pid, 'SIGKILL');
    });

    it('leaves none of a tree alive at the deadline', async () => {
      const stubborn = [
        `trap '' TERM; echo $$ > "$F"; while :; do sleep 1; done`,
        `setsid sh -c 'trap "" TERM; echo $$ > "$F"; while :; do sleep 1; done'`,
        `(setsid sh -c 'echo $$ > "$F"; exec sleep 60' &); sleep 60`,
      ];
      await Promise.all(
        stubborn.map(async (script, i) => {
          const file = join(scratch, `deadline-${i}`);
          const report = await run(script, { env: { F: file }, timeoutMs: 2_000 });
          expect(report).toMatchObject({ outcome: { kind: 'timed_out' } });
          expect(report.survivors).toBeUndefined();
          expect(isAlive(Number(readFileSync(file, 'utf8')))).toBe(false);
        }),
      );
    });

    it('ends a script that is cancelled after a restart of ours', async () => {
      const file = join(scratch, 'restarted');
      const attempt = newAttempt();
      await ledger.startAttempt(
        attempt,
        specOf('echo $$ > "$F"; trap "" TERM; while :; do sleep 1; done', { env: { F: file } }),
        HOST,
      );
      const pid = await until(
        'the script wrote its pid',
        () => existsSync(file) && (Number(readFileSync(file, 'utf8')) || undefined),
      );
      ledger = await world.restart();
      expect(ledger.cancel(attempt)).toBe(true);
      expect(await reportOf(ledger, attempt)).toMatchObject({ outcome: { kind: 'cancelled' } });
      expect(isAlive(pid)).toBe(false);
    });
  });
}
