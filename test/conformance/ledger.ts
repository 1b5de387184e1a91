/** What every ledger must do, whichever engine carries it out. `make` gives a started ledger and the means to end its world. */
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AttemptId } from '../../src/base/ids.ts';
import type { Ledger, LedgerListener } from '../../src/ledger/ledger.ts';
import type { AgentReport, ReportedOutcome } from '../../src/protocol/link/agent-v1.ts';
import { HOST, specOf, type SpecMore } from '../support/execution-spec.ts';
import { newAttempt } from '../support/new-attempt.ts';
import { until } from '../support/until.ts';
import { requiring } from '../support/needs.ts';

export { newAttempt };

/** As a report has it. */
export function exited(code: number): ReportedOutcome {
  return { kind: 'exited', code };
}

export async function reportOf(ledger: Ledger, attempt: AttemptId): Promise<AgentReport> {
  return until(`the report of ${attempt}`, () => ledger.report(attempt));
}

export function isAlive(pid: number): boolean {
  try {
    return !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

/** `outputBytesMax`: the most that a stream of an execution may have. */
export function ledgerConformance(
  make: (listener: LedgerListener) => Promise<{
    ledger: Ledger;
    restart: () => Promise<Ledger>;
    end: () => Promise<void>;
  }>,
  outputBytesMax: number,
): void {
  describe('a ledger and its engine', () => {
    let world: Awaited<ReturnType<typeof make>>;
    let ledger: Ledger;
    let onLive: LedgerListener['output'] = () => undefined;
    const scratch = mkdtempSync(join(tmpdir(), 'drover-ledger-'));
    beforeAll(async () => {
      world = await make({ started() {}, finished() {}, output: (...live) => onLive(...live) });
      ledger = world.ledger;
    });
    afterAll(async () => {
      await world.end();
      rmSync(scratch, { recursive: true, force: true });
    });

    async function run(program: string | readonly string[], more: SpecMore = {}): Promise<AgentReport> {
      const attempt = newAttempt();
      expect(await ledger.startAttempt(attempt, specOf(program, more), HOST)).toBe('accepted');
      return reportOf(ledger, attempt);
    }

    it('refuses work of a kind, or of a form, that it does not know, and nothing runs, also after a restart', async () => {
      const file = join(scratch, 'unknown');
      const known = specOf('echo x > "$F"', { env: { F: file } });
      const attempts: AttemptId[] = [];
      for (const work of [
        { ...known.work, kind: 'of-tomorrow' },
        { ...known.work, v: 2 },
      ]) {
        const attempt = newAttempt();
        expect(await ledger.startAttempt(attempt, { ...known, work }, HOST)).toBe('accepted');
        const report = await reportOf(ledger, attempt);
        expect(report.outcome).toEqual({ kind: 'refused', reason: 'work-kind-unknown' });
        expect([report.detail, report.startedAtMs]).toEqual([expect.stringContaining(work.kind), undefined]);
        attempts.push(attempt);
      }
      ledger = await world.restart();
      for (const attempt of attempts)
        expect((await ledger.report(attempt))?.outcome).toEqual({ kind: 'refused', reason: 'work-kind-unknown' });
      expect(existsSync(file)).toBe(false);
    });
    const text = (report: AgentReport, stream: 'stdout' | 'stderr' = 'stdout'): string =>
      Buffer.from(report[stream].inline ?? []).toString();

    it('lets a script be whose output is as large as it may be, and ends one that has a byte more', async () => {
      const scriptOf = (bytes: number): string => `o=/proc/$$/fd/1
        trap 'truncate -s 0 "$o"; exit 9' TERM
        truncate -s ${bytes} "$o"
        : >"$F.${bytes}"
        until [ -e "$F.over" ]; do sleep 0.05; done
        truncate -s 0 "$o"`;
      const spec = { env: { F: join(scratch, 'large') }, killAfterMs: 10_000 };
      const [within, beyond] = [newAttempt(), newAttempt()];
      await ledger.startAttempt(within, specOf(scriptOf(outputBytesMax), spec), HOST);
      await until('the one to be large', () => existsSync(join(scratch, `large.${outputBytesMax}`)));
      await ledger.startAttempt(beyond, specOf(scriptOf(outputBytesMax + 1), spec), HOST);
      expect(await reportOf(ledger, beyond)).toMatchObject({ outcome: { kind: 'signalled', reason: 'output-limit' } });
      expect(await ledger.report(within)).toBeUndefined();
      writeFileSync(join(scratch, 'large.over'), '');
      expect(await reportOf(ledger, within)).toMatchObject({ outcome: { kind: 'exited', code: 0 } });
    });

    it('keeps all 256 exit codes exactly', async () => {
      const attempts = Array.from({ length: 256 }, () => newAttempt());
      const outcomes: ReportedOutcome[] = [];
      // Within what an agent takes at once.
      for (let from = 0; from < 256; from += 64) {
        const batch = attempts.slice(from, from + 64);
        await Promise.all(batch.map((attempt, i) => ledger.startAttempt(attempt, specOf(`exit ${from + i}`), HOST)));
        for (const attempt of batch) outcomes.push((await reportOf(ledger, attempt)).outcome);
        await ledger.forget(batch);
      }
      expect(outcomes).toEqual(Array.from({ length: 256 }, (_, code) => exited(code)));
    });

    it('tells every deadly signal from every exit code', async () => {
      const harmless = [
        'SIGCHLD',
        'SIGCONT',
        'SIGURG',
        'SIGWINCH',
        'SIGSTOP',
        'SIGTSTP',
        'SIGTTIN',
        'SIGTTOU',
        'SIGIOT',
        'SIGPOLL',
        'SIGUNUSED',
      ];
      for (const [name, number] of Object.entries(constants.signals).filter(([signal]) => !harmless.includes(signal))) {
        const report = await run(`kill -${number} $$; sleep 5`, { lang: 'sh' });
        expect(report.outcome).toEqual({ kind: 'signalled', signal: name });
      }
    });

    it('keeps bytes as they are, streams apart, and says how much there was', async () => {
      const report = await run(`printf 'a\\000\\377\\n'; printf 'err' >&2`);
      expect(Buffer.from(report.stdout.inline!)).toEqual(Buffer.from([97, 0, 255, 10]));
      expect(text(report, 'stderr')).toBe('err');
      expect(report.stdout).toMatchObject({ size: 4, head: 4, tail: 0 });
    });

    it('keeps head and tail of a line larger than the cap, counts the gap, and gives the whole on demand', async () => {
      const attempt = newAttempt();
      await ledger.startAttempt(
        attempt,
        specOf(`head -c 1000000 /dev/zero | tr '\\000' x; printf end`, { outputKeptBytes: 1_000 }),
        HOST,
      );
      const report = await reportOf(ledger, attempt);
      expect(report.stdout).toMatchObject({ size: 1_000_003, head: 500, tail: 500 });
      expect(text(report).endsWith('xend')).toBe(true);
      expect(text(report)).toHaveLength(1_000);
      const whole = await ledger.readWhole(attempt, 1, 999_999, 100);
      expect(Buffer.from(whole!.bytes).toString()).toBe('xend');
      expect(whole).toMatchObject({ size: 1_000_003, eof: true });
    });

    it('runs any interpreter, and honours #!', async () => {
      expect(text(await run('import sys; print(sys.argv[1:])', { lang: 'python', args: ['a b', '$c'] }))).toBe(
        "['a b', '$c']\n",
      );
      expect(text(await run('print "perl\\n"', { lang: 'perl' }))).toBe('perl\n');
      expect(text(await run('#!/usr/bin/env python3\nprint("shebang")'))).toBe('shebang\n');
      expect(text(await run(['/bin/echo', 'a  b', '*']))).toBe('a  b *\n');
      expect(await run('x', { lang: 'no-such-interpreter' })).toMatchObject({
        outcome: { kind: 'refused', reason: 'interpreter-missing' },
      });
    });

    it('knows programs alone: words of a shell, and of our own, are none', async () => {
      for (const word of ['cd', 'say', 'tree', 'rest', 'onpath', 'no-such-program'])
        expect([word, await run([word, '/tmp'])]).toMatchObject([
          word,
          { outcome: { kind: 'refused', reason: 'interpreter-missing' } },
        ]);
      expect(text(await run(['printf', '%s,', 'a']))).toBe('a,');
    });

    it('gives a clean environment, parameters, secrets by environment only, and /dev/null or the given standard input', async () => {
      const secrets = { TOKEN: 'hunter2-hunter2' };
      const report = await run('env | sort; cat; tr "\\000" " " </proc/$$/cmdline', {
        env: { E: '1' },
        params: { P: '2' },
        secrets,
        stdin: Buffer.from('input\n'),
      });
      expect(text(report)).toMatch(/^DROVER_PARAM_P=2$/m);
      expect(text(report)).toMatch(/^E=1$/m);
      expect(text(report)).toMatch(/^TOKEN=\*{6}$/m);
      expect(text(report)).toMatch(/^input$/m);
      expect(text(report)).not.toContain('hunter2');
      expect(text(await run('cat; echo done'))).toBe('done\n');
    });

    it('leaves no secret on the disk, in the report or in the whole output', async () => {
      const attempt = newAttempt();
      await ledger.startAttempt(
        attempt,
        specOf('echo "x $S y"; echo "$S" >&2', { secrets: { S: 'correct horse' } }),
        HOST,
      );
      const report = await reportOf(ledger, attempt);
      expect(text(report)).toBe('x ****** y\n');
      expect(Buffer.from((await ledger.readWhole(attempt, 2, 0, 100))!.bytes).toString()).toBe('******\n');
    });

    it('refuses what cannot be, with a reason', async () => {
      expect(await run('true', { user: 'no-such-user-here' })).toMatchObject({
        outcome: { kind: 'refused', reason: 'user-unknown' },
      });
      expect(await run('true', { cwd: '/no/such/folder' })).toMatchObject({
        outcome: { kind: 'refused', reason: 'directory-missing' },
      });
      expect(await run('true', { env: { A: 'x\0y' } })).toMatchObject({
        outcome: { kind: 'refused', reason: 'bad-input' },
      });
      for (const cwd of ['/etc/passwd', '/etc/passwd/below'])
        expect(await run('true', { cwd })).toMatchObject({
          outcome: { kind: 'refused', reason: 'directory-missing' },
        });
    });

    requiring('root').it('refuses a folder that the user may not enter, and takes one that it may', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'drover-locked-'));
      const below = join(folder, 'below');
      mkdirSync(below);
      for (const cwd of [folder, below])
        expect(await run('true', { user: 'nobody', cwd })).toMatchObject({
          outcome: { kind: 'refused', reason: 'directory-missing' },
          detail: expect.stringContaining(cwd),
        });
      chownSync(folder, 0, 65_534);
      chmodSync(folder, 0o750);
      expect(text(await run('pwd', { user: 'nobody', cwd: below }))).toBe(`${below}\n`);
      rmSync(folder, { recursive: true });
    });

    requiring('root').it('runs as another user with its groups', async () => {
      expect(text(await run('id -un; id -u; echo $HOME', { user: 'nobody' }))).toMatch(/^nobody\n65534\n/);
    });

    it('tells the end of a script that has run and said something for a while as soon as it comes', async () => {
      const kept = join(scratch, 'kept');
      const report = await run(
        '(sleep 600 & echo $! >"$F"; exec sleep 600) </dev/null >/dev/null 2>&1 & echo $! >>"$F.of"; i=0; while [ $i -lt 12 ]; do echo some ten bytes; echo and as many >&2; sleep 0.2; i=$((i + 1)); done; exit 4',
        { env: { F: kept } },
      );
      expect([report.outcome, report.stdout.size]).toEqual([exited(4), 12 * 15]);
      const pids = [kept, `${kept}.of`].map((file) => Number(readFileSync(file, 'utf8')));
      // What it left running runs still: nobody waited for that.
      expect(pids.map(isAlive)).toEqual([true, true]);
      for (const pid of pids) process.kill(pid, 'SIGKILL');
    });

    it('ends an attempt at its deadline, counted from the start of the process', async () => {
      const report = await run('echo begun; sleep 60', { timeoutMs: 300 });
      expect(report).toMatchObject({ outcome: { kind: 'timed_out', end: { kind: 'signalled', signal: 'SIGTERM' } } });
      expect(text(report)).toBe('begun\n');
      expect(report.finishedAtMs - report.startedAtMs!).toBeLessThan(60_000);
    });

    const stubborn: Record<string, string> = {
      'a child that ignores TERM': `trap '' TERM; echo $$ > "$F"; while :; do sleep 1; done`,
      'a session of its own': `setsid sh -c 'echo $$ > "$F"; exec sleep 60'`,
      'a double fork': `(setsid sh -c 'echo $$ > "$F"; exec sleep 60' &) ; sleep 60`,
      'a child that holds the output after its parent has gone': `sh -c 'sh -c "echo \\$\\$ > $F; sleep 60" & exit 0'; sleep 60`,
      'a daemon without our environment': `env -i F="$F" setsid sh -c 'echo $$ > '"$F"'; exec sleep 60' & sleep 60`,
      'a stopped child': `sh -c 'echo $$ > "$F"; kill -STOP $$' & sleep 60`,
    };
    for (const [what, script] of Object.entries(stubborn)) {
      it(`leaves nothing of a cancelled tree: ${what}`, async () => {
        const file = join(scratch, what.replaceAll(' ', '-'));
        const attempt = newAttempt();
        await ledger.startAttempt(attempt, specOf(script, { env: { F: file } }), HOST);
        const pid = await until(
          'the child wrote its pid',
          () => existsSync(file) && (Number(readFileSync(file, 'utf8')) || undefined),
        );
        expect(isAlive(pid)).toBe(true);
        expect(ledger.cancel(attempt)).toBe(true);
        expect(await reportOf(ledger, attempt)).toMatchObject({ outcome: { kind: 'cancelled' } });
        expect(isAlive(pid)).toBe(false);
      });
    }

    it('tells scripts the id and the name of their host as each order has them', async () => {
      const script = 'printf "%s %s" "$DROVER_HOST_ID" "$DROVER_HOST"';
      for (const hostName of ['web-1', '主机-1', `it's "$HOME" \\n`, 'web-1']) {
        const attempt = newAttempt();
        await ledger.startAttempt(attempt, specOf(script), { ...HOST, hostName });
        expect(text(await reportOf(ledger, attempt))).toBe(`${HOST.hostId} ${hostName}`);
      }
    });

    it('takes a start twice as once, and not again after it is settled', async () => {
      const file = join(scratch, 'once');
      const attempt = newAttempt();
      const spec = specOf('echo x >> "$F"', { env: { F: file } });
      await Promise.all([ledger.startAttempt(attempt, spec, HOST), ledger.startAttempt(attempt, spec, HOST)]);
      await reportOf(ledger, attempt);
      expect(await ledger.startAttempt(attempt, spec, HOST)).toBe('accepted');
      await ledger.forget([attempt]);
      expect(await ledger.startAttempt(attempt, spec, HOST)).toBe('settled');
      expect(readFileSync(file, 'utf8')).toBe('x\n');
    });

    it('tells live output of a watched attempt, masked', async () => {
      const attempt = newAttempt();
      const seen: Buffer[] = [];
      onLive = (a, _stream, _offset, bytes) => void (a === attempt && seen.push(Buffer.from(bytes)));
      await ledger.startAttempt(
        attempt,
        specOf('echo one; sleep 0.2; echo my secret-value; sleep 5', { secrets: { S: 'secret-value' } }),
        HOST,
      );
      ledger.watch(attempt, true);
      await until(
        'live output',
        () => Buffer.concat(seen).toString().startsWith('one\nmy ') && Buffer.concat(seen).toString(),
      );
      ledger.cancel(attempt);
      await reportOf(ledger, attempt);
      expect(Buffer.concat(seen).toString()).toBe('one\nmy ******\n');
    });

    it('finds its attempts again after a restart and goes on as if nothing had happened', async () => {
      const [file, gate] = [join(scratch, 'restart'), join(scratch, 'gate')];
      const [running, ended, secret] = [newAttempt(), newAttempt(), newAttempt()];
      await ledger.startAttempt(
        running,
        specOf('echo x >> "$F"; while [ ! -e "$G" ]; do sleep 0.05; done; echo late; exit 137', {
          env: { F: file, G: gate },
        }),
        HOST,
      );
      await ledger.startAttempt(ended, specOf('exit 3'), HOST);
      await ledger.startAttempt(
        secret,
        specOf('echo $S; while [ ! -e "$G" ]; do sleep 0.05; done; echo $S', {
          env: { G: gate },
          secrets: { S: 'p4ssw0rd' },
        }),
        HOST,
      );
      await reportOf(ledger, ended);
      await until('it began', () => existsSync(file));
      const begun = await until('its start to be known', () => ledger.startOf(running));
      expect(begun.pid).toBeGreaterThan(1);
      ledger = await world.restart();
      expect(ledger.stateOf(running)).toBe('running');
      expect(ledger.startOf(running)).toEqual(begun);
      expect(ledger.startOf(ended)).toBeUndefined();
      expect((await ledger.report(ended))?.outcome).toEqual(exited(3));
      await run(`touch ${gate}`);
      expect(await reportOf(ledger, running)).toMatchObject({ outcome: { kind: 'exited', code: 137 } });
      expect(text((await ledger.report(running))!)).toBe('late\n');
      expect(text(await reportOf(ledger, secret))).toBe('******\n******\n');
      expect(readFileSync(file, 'utf8')).toBe('x\n');
    });
  });
}
