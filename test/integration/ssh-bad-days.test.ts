/** The engine of SSH and the connection test on bad days: what cannot be reached, what cuts the line, what refuses; against real sshd. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { DroverError } from '../../src/base/errors.ts';
import type { AttemptId } from '../../src/base/ids.ts';
import { limits } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { testConnection } from '../../src/engines/ssh/connection/connection-test.ts';
import { createSshLedger, type SshLedgerOptions } from '../../src/engines/ssh/ssh-ledger.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { AgentReport } from '../../src/protocol/link/agent-v1.ts';
import type { SshAccess } from '../../src/protocol/link/ssh-access.ts';
import { exited, newAttempt } from '../conformance/ledger.ts';
import { HOST, specOf } from '../support/execution-spec.ts';
import { nobody } from '../support/listeners.ts';
import { accessOf, SshWorld, type Sshd } from '../support/sshd.ts';
import { proxyTo } from '../support/ssh-proxy.ts';
import { tracesOf } from '../support/traces.ts';
import { until } from '../support/until.ts';
import { requiring } from '../support/needs.ts';

requiring('sshd').describe('scripts over SSH on bad days', () => {
  let world: SshWorld;
  let sshd: Sshd;
  let folder: string;
  const ledgers: Ledger[] = [];
  beforeAll(async () => {
    world = new SshWorld();
    sshd = await world.start();
    folder = mkdtempSync(join(tmpdir(), 'drover-ssh-'));
  });
  afterAll(async () => {
    await Promise.all(ledgers.map((ledger) => ledger.stop()));
    await world.end();
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(
    access: SshAccess | (() => Promise<SshAccess>),
    more: Partial<SshLedgerOptions> = {},
  ): Promise<Ledger> {
    const { ledger } = createSshLedger({
      dir: mkdtempSync(join(folder, 'worker-')),
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      recordHostKey: async () => 'recorded',
      secretsOf: async () => [],
      orderValidMs: 2_000,
      access: typeof access === 'function' ? access : async () => access,
      ...more,
    });
    ledgers.push(ledger);
    await ledger.start(nobody);
    return ledger;
  }
  const reportOf = (ledger: Ledger, attempt: AttemptId): Promise<AgentReport> =>
    until(`the report of ${attempt}`, () => ledger.report(attempt));
  async function run(ledger: Ledger, script: string, more: Parameters<typeof specOf>[1] = {}): Promise<AgentReport> {
    const attempt = newAttempt();
    await ledger.startAttempt(attempt, specOf(script, more), HOST);
    return reportOf(ledger, attempt);
  }
  const text = (report: AgentReport): string => Buffer.from(report.stdout.inline ?? []).toString();
  /** What attempts of ours have on the host. */
  const leftOnHost = (attempt: string): string[] => tracesOf(attempt, ['/tmp', '/var/tmp', '/dev/shm', world.folder]);

  it('goes on with a script whose connection is cut, loses no output, and runs it once', async () => {
    const proxy = await proxyTo(sshd);
    const ledger = await start(accessOf(world.hop(proxy)));
    const [once, gate] = [join(folder, 'once'), join(folder, 'gate')];
    const attempt = newAttempt();
    const script =
      'echo x >> "$F"; i=0; while [ ! -e "$G" ]; do i=$((i+1)); echo line $i; sleep 0.05; done; echo last; exit 9';
    await ledger.startAttempt(attempt, specOf(script, { env: { F: once, G: gate } }), HOST);
    for (let cut = 0; cut < 3; cut++) {
      await until(
        'it runs on a new connection',
        () => ledger.stateOf(attempt) === 'running' && proxy.connections > cut && existsSync(once),
      );
      proxy.cutAll();
    }
    writeFileSync(gate, '');
    const report = await reportOf(ledger, attempt);
    expect(report).toMatchObject({ outcome: { kind: 'exited', code: 9 } });
    const lines = text(report).trim().split('\n');
    expect(lines).toEqual([...lines.slice(0, -1).map((_, i) => `line ${i + 1}`), 'last']);
    expect(readFileSync(once, 'utf8')).toBe('x\n');
    await until('nothing is left on the host', () => leftOnHost(attempt).length === 0);
    await proxy.stop();
  });

  it('repeats an order that was lost on its way, and the script runs once, wherever the line is cut', async () => {
    const proxy = await proxyTo(sshd);
    const ledger = await start(accessOf(world.hop(proxy)));
    for (let cut = 0; cut < 6; cut++) {
      // Logged in: it is the order that is to be cut, not the login.
      expect((await run(ledger, 'true')).outcome).toEqual(exited(0));
      const once = join(folder, `cut-${cut}`);
      const attempt = newAttempt();
      await ledger.startAttempt(attempt, specOf('echo x >> "$F"; exit 4', { env: { F: once } }), HOST);
      await new Promise<void>((resolve) => systemClock.after(cut * 7, resolve));
      proxy.cutAll();
      const report = await reportOf(ledger, attempt);
      expect(report).toMatchObject({ outcome: { kind: 'exited', code: 4 } });
      expect(readFileSync(once, 'utf8')).toBe('x\n');
    }
    await proxy.stop();
  });

  it('cancels a script while its connection is away', async () => {
    const proxy = await proxyTo(sshd);
    const ledger = await start(accessOf(world.hop(proxy)));
    const attempt = newAttempt();
    await ledger.startAttempt(attempt, specOf('sleep 60'), HOST);
    await until('it runs', () => ledger.stateOf(attempt) === 'running');
    proxy.cutAll();
    expect(ledger.cancel(attempt)).toBe(true);
    expect(await reportOf(ledger, attempt)).toMatchObject({ outcome: { kind: 'cancelled' } });
    await proxy.stop();
  });

  it('asks a host anew that never tells the end of what must be over', async () => {
    const looks: (() => void)[] = [];
    const clock: Clock = {
      ...systemClock,
      after: (delayMs, callback, options) => {
        if (delayMs === limits.sshSilentMs + killAfterMs) looks.push(callback);
        return systemClock.after(delayMs, callback, options);
      },
    };
    const [killAfterMs, ledger] = [777, await start(accessOf(world.hop(sshd)), { clock })];
    const attempt = newAttempt();
    await ledger.startAttempt(attempt, specOf('sleep 60', { killAfterMs }), HOST);
    const pid = (await until('it runs', () => ledger.startOf(attempt))).pid;
    const parent = Number(/^PPid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]);
    // Nothing is left there that could tell, or kill.
    const ours = descendantsOf(parent).filter((each) => each !== pid);
    for (const each of ours) process.kill(each, 'SIGSTOP');
    for (const path of leftOnHost(attempt)) rmSync(dirname(path), { recursive: true, force: true });
    ledger.cancel(attempt);
    ledger.cancel(attempt);
    expect(looks).toHaveLength(1);
    looks[0]!();
    expect(await reportOf(ledger, attempt)).toMatchObject({
      outcome: { kind: 'unknown', reason: 'host-rebooted' },
      detail: expect.stringContaining('may still run'),
    });
    expect(ledger.load().running).toBe(0);
    for (const each of [pid, parent, ...ours]) process.kill(each, 'SIGKILL');
  });

  it('cancels at once what has not left yet, however long the host takes to answer', async () => {
    const ledger = await start(() => new Promise<SshAccess>(() => undefined));
    const attempt = newAttempt();
    await ledger.startAttempt(attempt, specOf('true'), HOST);
    ledger.cancel(attempt);
    expect(await reportOf(ledger, attempt)).toMatchObject({ outcome: { kind: 'cancelled' } });
  });

  it('cancels at once where the login shell hangs, or no session is free', async () => {
    const hanging = await world.start({ lines: ['ForceCommand sleep 60', 'MaxSessions 1'] });
    const ledger = await start(accessOf(world.hop(hanging)));
    const attempts = [newAttempt(), newAttempt()];
    for (const attempt of attempts) await ledger.startAttempt(attempt, specOf('true'), HOST);
    await until('a session began', () => hanging.log().includes('Starting session'));
    for (const attempt of attempts) {
      expect(ledger.cancel(attempt)).toBe(true);
      expect(await reportOf(ledger, attempt)).toMatchObject({ outcome: { kind: 'cancelled' } });
    }
  });

  requiring('root').it(
    'gives up a host that drops every connection before the order is given, and says that nothing ran',
    async () => {
      const dropping = await world.start({ lines: ['ForceCommand kill -9 $PPID'] });
      expect(await run(await start(accessOf(world.hop(dropping))), 'true')).toMatchObject({
        outcome: { kind: 'refused', reason: 'ssh-lost' },
        detail: expect.stringContaining('Nothing ran'),
      });
    },
  );

  it('after a restart finds what never came to be, and says that nothing ran', async () => {
    const dir = mkdtempSync(join(folder, 'worker-'));
    let answer: (access: SshAccess) => void = () => undefined;
    const { ledger: first } = createSshLedger({
      dir,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      recordHostKey: async () => 'recorded',
      secretsOf: async () => [],
      orderValidMs: 2_000,
      access: () => new Promise((resolve) => (answer = resolve)),
    });
    await first.start(nobody);
    const attempt = newAttempt();
    await first.startAttempt(attempt, specOf('true'), HOST);
    const stopped = first.stop();
    answer(accessOf(world.hop(sshd)));
    await stopped;
    const second = await start(accessOf(world.hop(sshd)), { dir });
    // This machine has been up for longer than the test; a host that restarted meanwhile would be told as unknown.
    expect(await reportOf(second, attempt)).toMatchObject({
      outcome: { kind: 'refused', reason: 'ssh-lost' },
      detail: expect.stringContaining('Nothing ran'),
    });
  });

  it('waits for the secrets to mask before it reads on after a restart', async () => {
    const dir = mkdtempSync(join(folder, 'worker-'));
    const access = accessOf(world.hop(sshd));
    const first = await start(access, { dir });
    const [gate, attempt] = [join(folder, 'secret-gate'), newAttempt()];
    await first.startAttempt(
      attempt,
      specOf('echo "$S"; while [ ! -e "$G" ]; do sleep 0.05; done; echo "$S"', {
        env: { G: gate },
        secrets: { S: 'hunter2-hunter2' },
      }),
      HOST,
    );
    await until('it runs', () => first.stateOf(attempt) === 'running');
    await first.stop();
    writeFileSync(gate, '');
    let asked = 0;
    const second = await start(access, {
      dir,
      secretsOf: async () => {
        if (++asked < 3) throw new DroverError('shutting-down');
        return ['hunter2-hunter2'];
      },
    });
    expect(text(await reportOf(second, attempt))).toBe('******\n******\n');
    expect(asked).toBe(3);
    const files = readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((file) => file.isFile())
      .map((file) => readFileSync(join(file.parentPath, file.name), 'latin1'));
    expect(files.join()).not.toContain('hunter2');
    expect(files.join()).not.toContain('PRIVATE KEY');
  });

  it('refuses with the reason when the host cannot be reached or lets nobody in', async () => {
    const refused = async (access: SshAccess): Promise<AgentReport> => run(await start(access), 'true');
    expect(await refused(accessOf(world.hop({ address: '127.0.0.1', port: 1 })))).toMatchObject({
      outcome: { kind: 'refused', reason: 'ssh-refused' },
    });
    expect(
      await refused(accessOf(world.hop(sshd, { credentials: [world.credential(world.makeKey('ed25519'))] }))),
    ).toMatchObject({ outcome: { kind: 'refused', reason: 'ssh-auth-failed' } });
    expect(await refused(accessOf(world.hop(sshd, { hostKeyPolicy: 'strict' })))).toMatchObject({
      outcome: { kind: 'refused', reason: 'ssh-host-key-unknown' },
    });
    const denied = await start(async () =>
      Promise.reject(new DroverError('permission-denied', { detail: 'Not for you.' })),
    );
    expect(await run(denied, 'true')).toMatchObject({
      outcome: { kind: 'refused', reason: 'permission-denied' },
      detail: 'Not for you.',
    });
  });

  it('names a shell that runs nothing', async () => {
    const forced = await world.start({ lines: ['ForceCommand echo only backups here; exit 3'] });
    expect(await run(await start(accessOf(world.hop(forced))), 'true')).toMatchObject({
      outcome: { kind: 'refused', reason: 'ssh-no-shell' },
      detail: expect.stringContaining('only backups'),
    });
  });

  requiring('root').it('names /bin/false and an expired password', async () => {
    expect(
      await run(await start(accessOf(world.hop(sshd, { user: world.makeUser({ shell: '/bin/false' }) }))), 'true'),
    ).toMatchObject({ outcome: { kind: 'refused', reason: 'ssh-no-shell' } });
    const user = world.makeUser({ password: 'correct horse' });
    execFileSync('chage', ['-d', '0', user]);
    const plain = await world.start({ lines: ['PasswordAuthentication yes'] });
    const hop = world.hop(plain, { user, credentials: [{ kind: 'password', name: 'pw', password: 'correct horse' }] });
    expect(await run(await start(accessOf(hop)), 'true')).toMatchObject({
      outcome: { kind: 'refused', reason: 'ssh-password-expired' },
    });
  });

  it('keeps to a server that opens few sessions', async () => {
    const small = await world.start({ lines: ['MaxSessions 2'] });
    const ledger = await start(accessOf(world.hop(small)));
    const reports = await Promise.all(Array.from({ length: 8 }, (_, i) => run(ledger, `exit ${i}`)));
    expect(reports.map(({ outcome }) => outcome)).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map(exited));
  });

  describe('the connection test', () => {
    const options = {
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      recordHostKey: async (): Promise<'recorded'> => 'recorded',
      dial: { handshakeMs: 5_000 },
    };
    const failedAt = async (access: SshAccess): Promise<unknown[]> =>
      (await testConnection(access, options))
        .filter((one) => one.result === 'failed')
        .map((one) => [one.step, one.code]);

    it('says that all is well', async () => {
      const results = await testConnection(accessOf(world.hop(sshd)), options);
      expect(results.map((one) => [one.step, one.result])).toEqual(
        ['dns', 'tcp', 'ssh', 'host-key', 'auth', 'shell', 'become', 'state-folder', 'noexec'].map((step) => [
          step,
          step === 'noexec' ? expect.stringMatching(/ok|warning/) : 'ok',
        ]),
      );
    });

    it('says at which step it fails, and what was not tried', async () => {
      expect(await failedAt(accessOf(world.hop({ address: 'no-such-host.invalid', port: 22 })))).toEqual([
        ['dns', 'ssh-name-unknown'],
      ]);
      expect(await failedAt(accessOf(world.hop({ address: '127.0.0.1', port: 1 })))).toEqual([['tcp', 'ssh-refused']]);
      expect(await failedAt(accessOf(world.hop(sshd, { hostKeyPolicy: 'strict' })))).toEqual([
        ['host-key', 'ssh-host-key-unknown'],
      ]);
      const results = await testConnection(
        accessOf(world.hop(sshd, { credentials: [world.credential(world.makeKey('ed25519'))] })),
        options,
      );
      expect(results.map((one) => one.result)).toEqual([
        'ok',
        'ok',
        'ok',
        'ok',
        'failed',
        'not-tried',
        'not-tried',
        'not-tried',
        'not-tried',
      ]);
      // Nobody is dialled where nobody could log in, whether or not anything listens there.
      const nobody = await testConnection(
        accessOf(world.hop(sshd), world.hop({ address: '127.0.0.1', port: 1 }, { credentials: [] })),
        options,
      );
      expect(nobody.map(({ step, result }) => `${step} ${result}`)).toEqual([
        'jump not-tried',
        'dns not-tried',
        'tcp not-tried',
        'ssh not-tried',
        'host-key not-tried',
        'auth failed',
        ...['shell', 'become', 'state-folder', 'noexec'].map((step) => `${step} not-tried`),
      ]);
      const closed = await world.start({ address: '127.0.0.2', lines: ['AllowTcpForwarding no'] });
      expect(await failedAt(accessOf(world.hop(closed), world.hop(sshd)))).toEqual([['jump', 'ssh-forward-refused']]);
    });

    requiring('root').it('tests how the user is become', async () => {
      const user = world.makeUser();
      expect(await failedAt({ ...accessOf(world.hop(sshd)), become: { kind: 'su', user } })).toEqual([]);
      expect(await failedAt({ ...accessOf(world.hop(sshd)), become: { kind: 'su', user: 'no-such-user' } })).toEqual([
        ['become', 'user-unknown'],
      ]);
      expect(
        await failedAt({
          ...accessOf(world.hop(sshd, { user })),
          become: { kind: 'su', user: 'root', password: 'wrong' },
        }),
      ).toEqual([['become', 'become-password-wrong']]);
    });
  });
});

function descendantsOf(parent: number): number[] {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return Number(/\) . (\d+) /.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))![1]) === parent;
      } catch {
        return false;
      }
    });
  return [...children, ...children.flatMap(descendantsOf)];
}
