/** What users of other tools reported, tried over SSH: each input with the one right answer, against real servers and real PAM. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import type { AttemptId } from '../../src/base/ids.ts';
import { limits } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { createSshLedger, type SshLedgerOptions } from '../../src/engines/ssh/ssh-ledger.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { AgentReport } from '../../src/protocol/link/agent-v1.ts';
import type { SshAccess, SshBecome } from '../../src/protocol/link/ssh-access.ts';
import { exited, newAttempt } from '../conformance/ledger.ts';
import { HOST, specOf } from '../support/execution-spec.ts';
import { nobody } from '../support/listeners.ts';
import { requiring } from '../support/needs.ts';
import { accessOf, SshWorld, type Sshd } from '../support/sshd.ts';
import { until } from '../support/until.ts';

const PASSWORD = 'correct horse';
const ODD = ["O'Connell", 'a & b', '*', '', '$HOME', 'two\nlines', '`id`', 'back\\slash', '"', '!x'];
const SHOW = 'for a do printf "%s\\0" "$a"; done';
const shown = ODD.map((each) => `${each}\0`).join('');

requiring('sshd', 'root').describe('inputs over SSH', () => {
  let world: SshWorld;
  let sshd: Sshd;
  let folder: string;
  const services: string[] = [];
  const ledgers: Ledger[] = [];
  beforeAll(async () => {
    world = new SshWorld();
    sshd = await world.start();
    folder = mkdtempSync(join(tmpdir(), 'drover-inputs-'));
  });
  afterAll(async () => {
    await Promise.all(ledgers.map((ledger) => ledger.stop()));
    for (const path of services) rmSync(path, { force: true });
    await world.end();
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(access: SshAccess, more: Partial<SshLedgerOptions> = {}): Promise<Ledger> {
    const { ledger } = createSshLedger({
      dir: mkdtempSync(join(folder, 'worker-')),
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      recordHostKey: async () => 'recorded',
      secretsOf: async () => [],
      access: async () => access,
      ...more,
    });
    ledgers.push(ledger);
    await ledger.start(nobody);
    return ledger;
  }
  const reportOf = (ledger: Ledger, attempt: AttemptId): Promise<AgentReport> =>
    until(`the report of ${attempt}`, () => ledger.report(attempt));
  async function run(
    ledger: Ledger,
    script: string | Buffer,
    more: Parameters<typeof specOf>[1] = {},
  ): Promise<AgentReport> {
    const attempt = newAttempt();
    await ledger.startAttempt(attempt, specOf(script, more), HOST);
    return reportOf(ledger, attempt);
  }
  const text = (report: AgentReport): string => Buffer.from(report.stdout.inline ?? []).toString();

  for (const shell of ['/usr/bin/fish', '/usr/bin/tcsh', '/bin/csh', '/bin/dash', '/bin/bash']) {
    requiring('fish', 'tcsh', 'csh').it(
      `${shell} as login shell runs scripts, arguments and sudo as any other`,
      async () => {
        const user = world.makeUser({ shell });
        world.allow(`Defaults:${user} !syslog`, `${user} ALL=(ALL:ALL) NOPASSWD: ALL`);
        const hop = world.hop(sshd, { user });
        const direct = await start(accessOf(hop));
        expect(text(await run(direct, SHOW, { args: ODD }))).toBe(shown);
        expect(await run(direct, 'exit 137')).toMatchObject({ outcome: { kind: 'exited', code: 137 } });
        const sudo = await start({ ...accessOf(hop), become: { kind: 'sudo', user: 'root' } });
        expect(text(await run(sudo, `id -un; ${SHOW}`, { args: ODD }))).toBe(`root\n${shown}`);
      },
    );
  }

  it('start files that print, and one that exits: clean output, or a clear code', async () => {
    const [talks, exits] = ['echo hi; echo 5 >&2', 'exit 0'].map((startFile) => {
      const home = mkdtempSync(join(world.folder, 'home-'));
      writeFileSync(join(home, '.bashrc'), `${startFile}\n`);
      return home;
    });
    writeFileSync(join(folder, 'banner'), 'Authorized use only\n');
    const talking = await world.start({
      lines: [`SetEnv HOME=${talks}`, `Banner ${join(folder, 'banner')}`, 'PrintMotd yes'],
    });
    const report = await run(await start(accessOf(world.hop(talking))), 'echo clean');
    expect([text(report), report.stderr.size]).toEqual(['clean\n', 0]);
    const leaving = await world.start({ lines: [`SetEnv HOME=${exits}`] });
    expect(await run(await start(accessOf(world.hop(leaving))), 'echo ran')).toMatchObject({
      outcome: { kind: 'refused', reason: 'ssh-no-shell' },
    });
  });

  it('forced commands in authorized_keys are told, and do not hang', async () => {
    for (const command of ['/bin/false', 'echo hi', 'echo $SSH_ORIGINAL_COMMAND']) {
      const keys = join(folder, `keys-${command.length}`);
      writeFileSync(keys, `command="${command}" ${world.userKey.publicLine}\n`);
      const forced = await world.start({ lines: [`AuthorizedKeysFile ${keys}`] });
      expect([command, await run(await start(accessOf(world.hop(forced))), 'echo ran')]).toMatchObject([
        command,
        { outcome: { kind: 'refused', reason: 'ssh-no-shell' }, stdout: { size: 0 } },
      ]);
    }
  });

  it('40 runs at once with MaxStartups 2:100:2 and MaxSessions 1 all succeed', async () => {
    const tight = await world.start({ lines: ['MaxStartups 2:100:2', 'MaxSessions 1'] });
    const ledger = await start(accessOf(world.hop(tight)));
    const reports = await Promise.all(Array.from({ length: 40 }, (_, i) => run(ledger, `exit ${i}`)));
    // The whole report is shown of one that did not run.
    expect(reports.filter(({ outcome }, i) => !isDeepStrictEqual(outcome, exited(i)))).toEqual([]);
  });

  requiring('sudo').describe('through sudo and su', () => {
    const accessAs = (user: string, become: SshBecome): SshAccess => ({
      ...accessOf(world.hop(sshd, { user })),
      become,
    });
    /** A user with sudo through a PAM service of its own. */
    function pamUser(lines: readonly string[], ...defaults: readonly string[]): string {
      const user = world.makeUser({ password: PASSWORD });
      const service = `drover-test-${process.pid}-${services.length}`;
      const path = `/etc/pam.d/${service}`;
      services.push(path);
      writeFileSync(path, [...lines, '@include common-account', ''].join('\n'));
      world.allow(
        `Defaults:${user} !syslog, pam_service=${service}${defaults.map((each) => `, ${each}`).join('')}`,
        `${user} ALL=(ALL:ALL) ALL`,
      );
      return user;
    }
    const withPassword = (user: string): SshAccess =>
      accessAs(user, { kind: 'sudo', user: 'root', password: PASSWORD });
    it('arguments and bytes arrive as they are, and the password is on no standard input', async () => {
      const target = world.makeUser({ password: PASSWORD });
      const free = world.makeUser({ password: PASSWORD });
      world.allow(`Defaults:${free} !syslog`, `${free} ALL=(ALL:ALL) NOPASSWD: ALL`);
      for (const become of [
        { kind: 'sudo', user: 'root', password: PASSWORD },
        { kind: 'sudo', user: target },
        { kind: 'su', user: target, password: PASSWORD },
      ] as const) {
        const ledger = await start(accessAs(free, become));
        expect(text(await run(ledger, SHOW, { args: ODD }))).toBe(shown);
        expect(text(await run(ledger, 'od -c'))).toBe('0000000\n');
        // A third user, and a script in a folder that he cannot have.
        expect(
          text(await run(ledger, '#!/usr/bin/env python3\nimport os; print(os.getuid() == os.stat(__file__).st_uid)')),
        ).toBe('True\n');
      }
    });

    it('su to somebody who may not log in is not allowed, in the words of the host', async () => {
      const [user, closed] = [world.makeUser(), world.makeUser({ password: PASSWORD, shell: '/usr/sbin/nologin' })];
      expect(
        await run(await start(accessAs(user, { kind: 'su', user: closed, password: PASSWORD })), 'echo ran'),
      ).toMatchObject({
        outcome: { kind: 'refused', reason: 'become-not-allowed' },
        detail: expect.stringContaining('using restricted shell /usr/sbin/nologin'),
      });
    });

    it('a lecture and a prompt of the rules’ own are answered', async () => {
      const plain = ['auth required pam_unix.so'];
      writeFileSync(
        join(folder, 'lecture'),
        'We trust you have received the usual lecture.\nPassword: is what we ask for.\n',
      );
      const user = pamUser(
        plain,
        'lecture=always',
        `lecture_file=${join(folder, 'lecture')}`,
        'passprompt="Passwort von %u: "',
      );
      expect(text(await run(await start(withPassword(user)), 'id -un'))).toBe('root\n');
      const strict = pamUser(plain, 'passprompt="Passwort von %u: "', 'passprompt_override');
      expect(text(await run(await start(withPassword(strict)), 'id -un'))).toBe('root\n');
    });

    it('PAM that takes 20 s is waited for, and is named when it takes longer than anybody waits', async () => {
      const fifo = join(folder, 'held');
      execFileSync('mkfifo', [fifo]);
      const user = pamUser([`auth optional pam_exec.so quiet /bin/cat ${fifo}`, 'auth required pam_unix.so']);
      const time = passingTime();
      const ledger = await start(withPassword(user), { clock: time.clock });
      for (const passedMs of [20_000, limits.sshBecomeMs]) {
        const attempt = newAttempt();
        await ledger.startAttempt(attempt, specOf('id -un'), HOST);
        const held = await until('PAM stands still', () => writerOf(fifo));
        time.pass(passedMs);
        if (passedMs === 20_000) {
          expect(await ledger.report(attempt)).toBeUndefined();
          closeSync(held);
          expect(text(await reportOf(ledger, attempt))).toBe('root\n');
        } else {
          expect(await reportOf(ledger, attempt)).toMatchObject({
            outcome: { kind: 'refused', reason: 'become-not-allowed' },
            detail: expect.stringContaining('PAM may hang'),
          });
          closeSync(held);
        }
      }
    });

    it('a question that the stored password is no answer to is told: in its words where the rules show them', async () => {
      const reached = join(folder, 'asked');
      const password = 'auth required pam_unix.so';
      // Asks for something of its own.
      const other = [`auth optional pam_exec.so quiet /bin/touch ${reached}`, 'auth required pam_stress.so'];
      // By default sudo shows our question instead of any other.
      expect(await run(await start(withPassword(pamUser([password, ...other]))), 'echo ran')).toMatchObject({
        outcome: { kind: 'refused', reason: 'become-not-allowed' },
        detail: expect.stringContaining('asked for something that the stored password is no answer to'),
        stdout: { size: 0 },
      });
      const direct = await start(accessOf(world.hop(sshd)));
      for (const stack of [
        [...other, password],
        [password, ...other],
      ]) {
        const time = passingTime();
        const ledger = await start(withPassword(pamUser(stack, '!passprompt_override')), { clock: time.clock });
        const report = await until('the question was heard in time', async () => {
          rmSync(reached, { force: true });
          const attempt = newAttempt();
          await ledger.startAttempt(attempt, specOf('echo ran'), HOST);
          await until('it is asked', () => existsSync(reached));
          await run(direct, 'true');
          expect(await ledger.report(attempt)).toBeUndefined();
          time.pass(limits.sshBecomeMs);
          const told = await reportOf(ledger, attempt);
          return told.detail?.includes('STRESS') && told;
        });
        expect(report).toMatchObject({
          outcome: { kind: 'refused', reason: 'become-not-allowed' },
          detail: expect.stringContaining('it said "STRESS Password:", which an account has no answer to'),
          stdout: { size: 0 },
        });
      }
    });

    it('no child survives a deadline below sudo and su', async () => {
      const target = world.makeUser({ password: PASSWORD });
      const user = pamUser(['auth required pam_unix.so']);
      const tree = `trap '' TERM; setsid sh -c 'echo $$; exec sleep 60' & (setsid sh -c 'echo $$; exec sleep 60' &); while :; do sleep 1; done`;
      for (const become of [
        { kind: 'sudo', user: 'root', password: PASSWORD },
        { kind: 'su', user: target, password: PASSWORD },
      ] as const) {
        const report = await run(await start(accessAs(user, become)), tree, { timeoutMs: 2_000 });
        const pids = text(report).trim().split('\n');
        expect([report.outcome.kind, pids.length]).toEqual(['timed_out', 2]);
        expect(pids.filter(isAlive)).toEqual([]);
      }
    });
  });
});

/** A clock whose timers can be made due: as if so much time had passed. */
function passingTime(): { clock: Clock; pass: (ms: number) => void } {
  const timers = new Set<{ delayMs: number; due: () => void }>();
  const clock: Clock = {
    ...systemClock,
    after(delayMs, callback, options) {
      const end = (): void => {
        cancel();
        timers.delete(timer);
      };
      const due = (): void => {
        end();
        callback();
      };
      const timer = { delayMs, due };
      const cancel = systemClock.after(delayMs, due, options);
      timers.add(timer);
      return end;
    },
  };
  return {
    clock,
    pass(ms) {
      for (const timer of [...timers]) if (timer.delayMs <= ms && timers.has(timer)) timer.due();
    },
  };
}

/** Of a FIFO that somebody waits to read from. */
function writerOf(fifo: string): number | undefined {
  try {
    return openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

function isAlive(pid: string): boolean {
  try {
    return !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}
