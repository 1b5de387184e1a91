/** Becoming another user on a host for real: sudo and su of this machine behind its sshd, users and rules made for it. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { given } from '../../src/base/given.ts';
import type { AttemptId } from '../../src/base/ids.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { testConnection } from '../../src/engines/ssh/connection/connection-test.ts';
import { createSshLedger } from '../../src/engines/ssh/ssh-ledger.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { AgentReport } from '../../src/protocol/link/agent-v1.ts';
import type { SshAccess, SshBecome } from '../../src/protocol/link/ssh-access.ts';
import { newAttempt } from '../conformance/ledger.ts';
import { HOST, specOf } from '../support/execution-spec.ts';
import { nobody } from '../support/listeners.ts';
import { accessOf, SshWorld, type Sshd } from '../support/sshd.ts';
import { proxyTo } from '../support/ssh-proxy.ts';
import { until } from '../support/until.ts';
import { requiring } from '../support/needs.ts';

const PASSWORD = 'correct horse';
const SECRET = 'hunter2-hunter2';

requiring('sshd', 'root', 'sudo').describe('becoming another user', () => {
  let world: SshWorld;
  let sshd: Sshd;
  let scratch: string;
  let sudoLog: string;
  /** Who logs in: may all without a password, with his own, nothing, all but only from a terminal; and who is become. */
  let who: { free: string; asked: string; nobody: string; terminal: string; target: string };
  const ledgers: Ledger[] = [];

  beforeAll(async () => {
    world = new SshWorld();
    sshd = await world.start();
    // Where other users write and read too.
    scratch = mkdtempSync(join(tmpdir(), 'drover-become-'));
    sudoLog = join(scratch, 'sudo.log');
    const user = (): string => world.makeUser({ password: PASSWORD });
    who = { free: user(), asked: user(), nobody: user(), terminal: user(), target: user() };
    world.allow(
      ...[who.free, who.asked, who.terminal].map(
        (name) => `Defaults:${name} logfile=${sudoLog}, !syslog, passwd_tries=3`,
      ),
      `Defaults:${who.nobody} !syslog, !mail_no_user`,
      `Defaults:${who.terminal} requiretty`,
      `${who.free} ALL=(ALL:ALL) NOPASSWD: ALL`,
      `${who.terminal} ALL=(ALL:ALL) NOPASSWD: ALL`,
      `${who.asked} ALL=(ALL:ALL) ALL`,
    );
  });
  afterAll(async () => {
    await Promise.all(ledgers.map((ledger) => ledger.stop()));
    await world.end();
    rmSync(scratch, { recursive: true, force: true });
  });

  const accessAs = (user: string, become: SshBecome): SshAccess => ({ ...accessOf(world.hop(sshd, { user })), become });
  async function ledgerFor(access: SshAccess): Promise<Ledger> {
    const { ledger } = createSshLedger({
      dir: mkdtempSync(join(world.folder, 'worker-')),
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      recordHostKey: async () => 'recorded',
      secretsOf: async () => [],
      access: async () => access,
    });
    ledgers.push(ledger);
    await ledger.start(nobody);
    return ledger;
  }
  const reportOf = (ledger: Ledger, attempt: AttemptId): Promise<AgentReport> =>
    until(`the report of ${attempt}`, () => ledger.report(attempt));
  async function run(access: SshAccess, script: string, more: Parameters<typeof specOf>[1] = {}): Promise<AgentReport> {
    const ledger = await ledgerFor(access);
    const attempt = newAttempt();
    await ledger.startAttempt(attempt, specOf(script, more), HOST);
    return reportOf(ledger, attempt);
  }
  const text = (report: AgentReport): string => Buffer.from(report.stdout.inline ?? []).toString();
  const testOf = async (access: SshAccess): Promise<unknown[]> =>
    (
      await testConnection(access, {
        clock: systemClock,
        random: systemRandom,
        log: silentLog,
        recordHostKey: async () => 'recorded',
      })
    )
      .filter((one) => one.result === 'failed')
      .map((one) => [one.step, one.code]);
  /** What a run says, and that the connection test says the same. */
  async function refusal(
    access: SshAccess,
  ): Promise<{ readonly reason: string | false; readonly detail: string | undefined }> {
    const report = await run(access, 'echo ran');
    expect(text(report)).toBe('');
    const { outcome } = report;
    const reason = outcome.kind === 'refused' && outcome.reason;
    expect([['become', reason]]).toEqual(await testOf(access));
    return { reason, detail: report.detail };
  }
  const identity = 'id -un; echo $HOME $USER $LOGNAME; pwd; cat; printf err >&2; exit 137';

  for (const [how, login, password] of [
    ['without a password', 'free', undefined],
    ['with the right password', 'asked', PASSWORD],
    ['without a password, though one is stored', 'free', PASSWORD],
  ] as const) {
    it(`by sudo ${how}: root, and another user`, async () => {
      for (const user of ['root', who.target]) {
        const access = accessAs(who[login], { kind: 'sudo', user, ...given({ password }) });
        const report = await run(access, identity, { stdin: Buffer.from('in\n') });
        const home = user === 'root' ? '/root' : '/tmp';
        expect(report).toMatchObject({ outcome: { kind: 'exited', code: 137 } });
        expect(text(report)).toBe(`${user}\n${home} ${user} ${user}\n${home}\nin\n`);
        expect(Buffer.from(report.stderr.inline!).toString()).toBe('err');
        expect(await testOf(access)).toEqual([]);
      }
    });
  }

  it('loads nothing that the run names before its user is become, whatever the way', async () => {
    const uid = Number(execFileSync('id', ['-u', who.target], { encoding: 'utf8' }));
    for (const [way, access, user] of [
      ['root', accessOf(world.hop(sshd)), who.target],
      ['sudo', accessAs(who.free, { kind: 'sudo', user: who.target }), undefined],
      ['su', accessAs(who.free, { kind: 'su', user: who.target, password: PASSWORD }), undefined],
    ] as const)
      for (const environment of ['clean', 'login', 'agent'] as const) {
        const open = join('/tmp', `.${scratch.split('/').at(-1)}-${way}-${environment}`);
        mkdirSync(open);
        chmodSync(open, 0o1777);
        // The loader writes a file for each process that it begins, as that process.
        const env = { LD_DEBUG: 'libs', LD_DEBUG_OUTPUT: join(open, 'loaded'), PATH: '/usr/bin:/bin' };
        const report = await run(access, 'id -u', { environment, env, ...given({ user }) });
        expect([way, environment, text(report)]).toEqual([way, environment, `${uid}\n`]);
        const owners = new Set(readdirSync(open).map((name) => statSync(join(open, name)).uid));
        rmSync(open, { recursive: true, force: true });
        expect([way, environment, [...owners]]).toEqual([way, environment, [uid]]);
      }
  });

  it('by sudo with a wrong password, or none where one is wanted', async () => {
    expect(await refusal(accessAs(who.asked, { kind: 'sudo', user: 'root', password: 'wrong' }))).toMatchObject({
      reason: 'become-password-wrong',
    });
    expect(await refusal(accessAs(who.asked, { kind: 'sudo', user: 'root' }))).toMatchObject({
      reason: 'become-password-missing',
    });
  });

  it('by sudo where the rules do not let', async () => {
    expect(await refusal(accessAs(who.nobody, { kind: 'sudo', user: 'root', password: PASSWORD }))).toMatchObject({
      reason: 'become-not-allowed',
      detail: expect.stringMatching(/ with sudo: \w+ is not in the sudoers/),
    });
    expect(await refusal(accessAs(who.terminal, { kind: 'sudo', user: 'root' }))).toMatchObject({
      reason: 'become-not-allowed',
      detail: expect.stringContaining('tty'),
    });
    expect(await refusal(accessAs(who.terminal, { kind: 'sudo', user: 'root', password: PASSWORD }))).toMatchObject({
      reason: 'become-not-allowed',
    });
    expect(await refusal(accessAs(who.free, { kind: 'sudo', user: 'no-such-user' }))).toMatchObject({
      reason: 'user-unknown',
    });
    expect(await refusal(accessAs(who.nobody, { kind: 'sudo', user: 'root' }))).toMatchObject({
      reason: expect.stringMatching(/become-(password-missing|not-allowed)/),
    });
  });

  it('by su with the right password, a wrong one, and none', async () => {
    const right = accessAs(who.free, { kind: 'su', user: who.target, password: PASSWORD });
    const report = await run(right, identity, { stdin: Buffer.from('in\n') });
    expect(report).toMatchObject({ outcome: { kind: 'exited', code: 137 } });
    expect(text(report)).toBe(`${who.target}\n/tmp ${who.target} ${who.target}\n/tmp\nin\n`);
    expect(await testOf(right)).toEqual([]);
    expect(await refusal(accessAs(who.free, { kind: 'su', user: who.target, password: 'wrong' }))).toMatchObject({
      reason: 'become-password-wrong',
    });
    expect(await refusal(accessAs(who.free, { kind: 'su', user: who.target }))).toMatchObject({
      reason: 'become-password-missing',
    });
    for (const expiry of [
      ['-d', '0'],
      ['-E', '1'],
    ]) {
      const user = world.makeUser({ password: PASSWORD });
      execFileSync('chage', [...expiry, user]);
      expect(await refusal(accessAs(who.free, { kind: 'su', user, password: PASSWORD }))).toMatchObject({
        reason: 'become-not-allowed',
        detail: expect.stringContaining('expired'),
      });
    }
    expect(await refusal(accessAs(who.free, { kind: 'su', user: 'no-such-user', password: PASSWORD }))).toMatchObject({
      reason: 'user-unknown',
    });
  });

  const ways = (): Record<string, SshAccess> => ({
    'sudo to root': accessAs(who.free, { kind: 'sudo', user: 'root' }),
    'sudo with a password': accessAs(who.asked, { kind: 'sudo', user: who.target, password: PASSWORD }),
    su: accessAs(who.free, { kind: 'su', user: who.target, password: PASSWORD }),
  });

  it('is a tree that a cancel and a deadline end whole', async () => {
    for (const [name, access] of Object.entries(ways())) {
      for (const why of ['cancelled', 'timed_out'] as const) {
        const file = join('/tmp', `.${scratch.split('/').at(-1)}-${name.replaceAll(' ', '-')}-${why}`);
        const script = `trap '' TERM; setsid sh -c 'echo $$ >${file}; exec sleep 60' & sh -c 'trap "" TERM; while :; do sleep 1; done' & while :; do sleep 1; done`;
        const ledger = await ledgerFor(access);
        const attempt = newAttempt();
        await ledger.startAttempt(attempt, specOf(script, { timeoutMs: why === 'timed_out' ? 1_500 : 30_000 }), HOST);
        const pid = await until(
          'the child wrote its pid',
          () => existsSync(file) && Number(readFileSync(file, 'utf8')),
        );
        if (why === 'cancelled') ledger.cancel(attempt);
        expect([name, await reportOf(ledger, attempt)]).toMatchObject([name, { outcome: { kind: why } }]);
        expect([name, isAlive(pid)]).toEqual([name, false]);
        rmSync(file, { force: true });
      }
    }
  });

  it('is found again when the line is cut, by sudo with its password', async () => {
    const proxy = await proxyTo(sshd);
    const ledger = await ledgerFor({
      ...accessOf(world.hop(proxy, { user: who.asked })),
      become: { kind: 'sudo', user: who.target, password: PASSWORD },
    });
    const gate = join('/tmp', `.${scratch.split('/').at(-1)}-cut`);
    const attempt = newAttempt();
    await ledger.startAttempt(
      attempt,
      specOf('echo one; while [ ! -e "$G" ]; do sleep 0.05; done; echo two; exit 9', { env: { G: gate } }),
      HOST,
    );
    await until('it runs', () => ledger.stateOf(attempt) === 'running');
    proxy.cutAll();
    await until('it is reached again', () => proxy.connections > 1);
    writeFileSync(gate, '');
    const report = await reportOf(ledger, attempt);
    rmSync(gate);
    expect(report).toMatchObject({ outcome: { kind: 'exited', code: 9 } });
    expect(text(report)).toBe('one\ntwo\n');
    await proxy.stop();
  });

  it('shows secrets and passwords to nobody: not in the arguments of a process, not in what sudo logs', async () => {
    for (const access of Object.values(ways())) {
      const gate = join('/tmp', `.${scratch.split('/').at(-1)}-gate`);
      const ledger = await ledgerFor(access);
      const attempt = newAttempt();
      await ledger.startAttempt(
        attempt,
        specOf('echo "$TOKEN"; while [ ! -e "$G" ]; do sleep 0.05; done', {
          env: { G: gate },
          secrets: { TOKEN: SECRET },
        }),
        HOST,
      );
      await until('it runs', () => ledger.stateOf(attempt) === 'running');
      // A host tells that the script runs right before its shell becomes the script, whose file has the attempt's name.
      const seen = await until('its command line names the attempt', () => {
        const lines = commandLines();
        return lines.includes(attempt) && lines;
      });
      expect(seen).not.toContain(SECRET);
      expect(seen).not.toContain(PASSWORD);
      writeFileSync(gate, '');
      const report = await reportOf(ledger, attempt);
      rmSync(gate);
      expect(report).toMatchObject({ outcome: { kind: 'exited', code: 0 } });
      expect(text(report)).toBe('******\n');
    }
    const log = readFileSync(sudoLog, 'latin1');
    expect(log).toContain('COMMAND=');
    // One entry is a line or two of what people read, not a program.
    for (const entry of log.split(/\n(?=\S)/)) expect(entry.length).toBeLessThan(400);
    expect(log).not.toContain(SECRET);
    expect(log).not.toContain(PASSWORD);
  });

  it('reads the profiles of whom it has become', async () => {
    const access = accessAs(who.free, { kind: 'sudo', user: 'root' });
    const home = mkdtempSync(join(world.folder, 'home-'));
    writeFileSync(join(home, '.profile'), 'export FROM_PROFILE="$(id -un)"\n');
    expect(text(await run(access, 'echo $FROM_PROFILE', { environment: 'login', env: { HOME: home } }))).toBe('root\n');
    const agents = text(await run(access, 'env', { environment: 'agent' }));
    expect(agents).toContain(`SUDO_USER=${who.free}`);
    expect(agents).not.toMatch(/SUDO_COMMAND|LC_ALL|DROVER_PROGRAM/);
  });
});

function isAlive(pid: number): boolean {
  try {
    return !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

/** Of all processes of this machine, as `ps` shows them to everybody. */
function commandLines(): string {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      } catch {
        return '';
      }
    })
    .join('\n');
}
