/** Hosts as people have them, over SSH: start files that talk, other servers, lost orders; against real servers. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import type { AttemptId } from '../../src/base/ids.ts';
import { limits } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { testConnection } from '../../src/engines/ssh/connection/connection-test.ts';
import { createSshLedger, type SshLedgerOptions } from '../../src/engines/ssh/ssh-ledger.ts';
import type { Ledger, LedgerListener } from '../../src/ledger/ledger.ts';
import type { AgentReport } from '../../src/protocol/link/agent-v1.ts';
import type { SshAccess } from '../../src/protocol/link/ssh-access.ts';
import { exited, isAlive, newAttempt } from '../conformance/ledger.ts';
import { HOST, specOf } from '../support/execution-spec.ts';
import { nobody } from '../support/listeners.ts';
import { requiring } from '../support/needs.ts';
import { accessOf, SshWorld } from '../support/sshd.ts';
import { proxyTo } from '../support/ssh-proxy.ts';
import { tracesOf } from '../support/traces.ts';
import { until } from '../support/until.ts';

requiring('sshd').describe('scripts on hosts as people have them', () => {
  let world: SshWorld;
  let folder: string;
  const ledgers: Ledger[] = [];
  beforeAll(() => {
    world = new SshWorld();
    folder = mkdtempSync(join(tmpdir(), 'drover-odd-'));
  });
  afterAll(async () => {
    await Promise.all(ledgers.map((ledger) => ledger.stop()));
    await world.end();
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(access: SshAccess, more: Partial<SshLedgerOptions> = {}): Promise<Ledger> {
    return (await startBoth(access, more)).ledger;
  }
  async function startBoth(
    access: SshAccess,
    more: Partial<SshLedgerOptions>,
    listener: LedgerListener = nobody,
  ): Promise<ReturnType<typeof createSshLedger>> {
    const made = createSshLedger({
      dir: mkdtempSync(join(folder, 'worker-')),
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      recordHostKey: async () => 'recorded',
      secretsOf: async () => [],
      orderValidMs: 2_000,
      access: async () => access,
      ...more,
    });
    ledgers.push(made.ledger);
    await made.ledger.start(listener);
    return made;
  }
  const reportOf = (ledger: Ledger, attempt: AttemptId): Promise<AgentReport> =>
    until(`the report of ${attempt}`, () => ledger.report(attempt));
  async function run(ledger: Ledger, script: string, more: Parameters<typeof specOf>[1] = {}): Promise<AgentReport> {
    const attempt = newAttempt();
    await ledger.startAttempt(attempt, specOf(script, more), HOST);
    return reportOf(ledger, attempt);
  }
  /** Logged in, and its shell waits for the next order, with nothing left to say. */
  async function warmUp(ledger: Ledger): Promise<void> {
    const attempt = newAttempt();
    await ledger.startAttempt(attempt, specOf('true'), HOST);
    expect(await reportOf(ledger, attempt)).toMatchObject({ outcome: { code: 0 } });
    await until('nothing is left of it', () => tracesOf(attempt).length === 0);
  }
  const text = (report: AgentReport): string => Buffer.from(report.stdout.inline ?? []).toString();
  const failedSteps = async (access: SshAccess): Promise<unknown[]> =>
    (
      await testConnection(access, {
        clock: systemClock,
        random: systemRandom,
        log: silentLog,
        recordHostKey: async () => 'recorded',
      })
    ).filter((one) => one.result === 'failed');

  /** Its login shell, bash, reads start files for every command. */
  async function talking(startFile: string): ReturnType<SshWorld['start']> {
    const home = mkdtempSync(join(world.folder, 'home-'));
    writeFileSync(join(home, '.bashrc'), startFile);
    return world.start({ lines: [`SetEnv HOME=${home}`] });
  }
  const NOISE = 'head -c 5000 /dev/zero | tr "\\0" x; echo; echo 12345; echo says who >&2';

  it('keeps what start files print out of everything, however much it is', async () => {
    const access = accessOf(world.hop(await talking(NOISE)));
    const report = await run(await start(access), 'echo clean');
    expect(report).toMatchObject({ outcome: { kind: 'exited', code: 0 }, stderr: { size: 0 } });
    expect(text(report)).toBe('clean\n');
    expect(await failedSteps(access)).toEqual([]);
  });

  it('repeats an order that was lost on its way though start files print, numbers too, and runs it once', async () => {
    const proxy = await proxyTo(await talking(NOISE));
    const ledger = await start(accessOf(world.hop(proxy)));
    await warmUp(ledger);
    const [once, attempt] = [join(folder, 'lost-once'), newAttempt()];
    proxy.mute(true);
    await ledger.startAttempt(attempt, specOf('echo x >> "$F"; exit 4', { env: { F: once } }), HOST);
    await until('the order is swallowed', () => proxy.swallowed > 0);
    proxy.mute(false);
    proxy.cutAll();
    expect(await reportOf(ledger, attempt)).toMatchObject({ outcome: { kind: 'exited', code: 4 } });
    expect(readFileSync(once, 'latin1')).toBe('x\n');
    await proxy.stop();
  });

  it('ends an order that nobody has confirmed by its deadline, and sooner by a cancel', async () => {
    for (const isCancelled of [false, true]) {
      const [timeoutMs, killAfterMs] = [5_000_000, 777];
      const timers: (() => void)[] = [];
      const waitMs = (isCancelled ? 0 : timeoutMs) + killAfterMs + limits.sshSilentMs;
      const clock: Clock = {
        ...systemClock,
        after: (delayMs, callback, options) => {
          if (delayMs === waitMs) timers.push(callback);
          return systemClock.after(delayMs, callback, options);
        },
      };
      const proxy = await proxyTo(await world.start());
      const ledger = await start(accessOf(world.hop(proxy)), { clock });
      await warmUp(ledger);
      timers.length = 0;
      const attempt = newAttempt();
      proxy.mute(true);
      await ledger.startAttempt(attempt, specOf('true', { timeoutMs, killAfterMs }), HOST);
      await until('the order is swallowed', () => proxy.swallowed > 0);
      await proxy.stop();
      if (isCancelled) ledger.cancel(attempt);
      await until('it counts', () => timers.length > 0);
      // Among them the one that asks the host anew; it says nothing.
      for (const due of timers.splice(0)) due();
      expect(await reportOf(ledger, attempt)).toMatchObject({
        outcome: { kind: 'unknown', reason: 'ssh-lost' },
        detail: expect.stringMatching(isCancelled ? /long after the cancel: it may have run/ : /time was long up/),
      });
      expect(ledger.load().running).toBe(0);
    }
  });

  it('is told once, with all that it said, where the network goes without a word in mid-run and comes back', async () => {
    const proxy = await proxyTo(await world.start());
    const dial = { keepaliveMs: 250, keepalivesMissedMax: 2, handshakeMs: 4_000 };
    const told: string[] = [];
    const finished = (attempt: string): void => void told.push(attempt);
    const { ledger, engine } = await startBoth(
      accessOf(world.hop(proxy)),
      { connections: { dial } },
      { ...nobody, finished },
    );
    // One ends while nobody can be told, the other once somebody can.
    const script =
      'echo x >> "$F"; i=0; until [ -e "$G" ]; do i=$((i + 1)); echo line $i; sleep 0.02; done; echo last; exit 9';
    const both = ['gone', 'back'].map((name) => {
      const [once, gate] = [join(folder, `once-${name}`), join(folder, `gate-${name}`)];
      return { attempt: newAttempt(), once, gate, env: { F: once, G: gate } };
    });
    const [gone, back] = both as [(typeof both)[number], (typeof both)[number]];
    for (const { attempt, env } of both) await ledger.startAttempt(attempt, specOf(script, { env }), HOST);
    const pids = await Promise.all(both.map(({ attempt }) => until('it runs', () => ledger.startOf(attempt)?.pid)));
    proxy.mute(true);
    writeFileSync(gone.gate, '');
    await until('it has ended there', () => !isAlive(pids[0]!));
    await until('the silence is noticed', () => engine.connections === 0 && proxy.swallowed > 0);
    expect(both.map(({ attempt }) => ledger.stateOf(attempt))).toEqual(['running', 'running']);
    proxy.mute(false);
    await until('the other is found again', () => engine.connections > 0);
    writeFileSync(back.gate, '');
    for (const { attempt, once } of both) {
      const report = await reportOf(ledger, attempt);
      expect(report).toMatchObject({ outcome: { kind: 'exited', code: 9 } });
      const lines = text(report).trim().split('\n');
      expect(lines).toEqual([...lines.slice(0, -1).map((_, i) => `line ${i + 1}`), 'last']);
      expect(readFileSync(once, 'latin1')).toBe('x\n');
    }
    expect(told.toSorted()).toEqual(both.map(({ attempt }) => attempt).toSorted());
    await proxy.stop();
  });

  requiring('root', 'sudo', 'python3').it(
    'runs as a third user where nothing in temporary folders may be executed',
    async () => {
      const noexec =
        'set -e; for d in /tmp /var/tmp /dev/shm; do mount --bind $d $d; mount -o remount,bind,noexec $d; done; exec "$@"';
      const within = ['unshare', '-m', '--propagation', 'private', 'sh', '-c', noexec, 'within'];
      const server = await world.start({ within });
      const [login, third] = [world.makeUser(), world.makeUser()];
      world.allow(`Defaults:${login} !syslog`, `${login} ALL=(ALL:ALL) NOPASSWD: ALL`);
      const asRoot = await start(accessOf(world.hop(server)));
      // The host is as it is meant.
      const tried = 'cd /tmp && f=$(mktemp) && echo "exit 0" >$f && chmod 700 $f && { $f; echo $?; rm $f; }';
      expect(text(await run(asRoot, tried))).toBe('126\n');
      const sudo = { kind: 'sudo', user: third } as const;
      const asThird = await start({ ...accessOf(world.hop(server, { user: login })), become: sudo });
      for (const script of [
        'id -un',
        '#!/bin/sh -eu\nid -un',
        '#!/usr/bin/env python3\nimport os, pwd; print(pwd.getpwuid(os.getuid()).pw_name)',
      ])
        for (const [ledger, more] of [
          [asThird, {}],
          [asRoot, { user: third }],
        ] as const) {
          const report = await run(ledger, script, more);
          expect([script, report.outcome, text(report)]).toEqual([script, exited(0), `${third}\n`]);
        }
    },
  );

  requiring('dropbear', 'root').describe('behind Dropbear', () => {
    it('runs as who logs in, by name too, and as somebody else', async () => {
      const server = await world.startDropbear();
      const [home, rootHome] = [world.homeWithKey(), world.homeWithKey()];
      const [user, root] = [world.makeUser({ home }), world.makeUser({ home: rootHome, isRoot: true })];
      const asUser = await start(accessOf(world.hop(server, { user })));
      for (const more of [{}, { user }]) {
        const report = await run(asUser, 'id -un; exit 137', more);
        expect([report.outcome, text(report)]).toEqual([exited(137), `${user}\n`]);
      }
      const asRoot = await start(accessOf(world.hop(server, { user: root })));
      const report = await run(asRoot, 'id -un; sleep 60', { user, timeoutMs: 500 });
      expect([report.outcome.kind, text(report)]).toEqual(['timed_out', `${user}\n`]);
      expect(await run(asUser, 'true', { user: 'nobody' })).toMatchObject({
        outcome: { kind: 'refused', reason: 'user-not-permitted' },
      });
      expect(await failedSteps(accessOf(world.hop(server, { user })))).toEqual([]);
    });
  });
});
