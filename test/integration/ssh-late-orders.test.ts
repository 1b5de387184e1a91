/** Orders that are stuck on their way to a host, and come in after they were repeated, run and forgotten: the effect happens once. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { startRemote } from '../../src/engines/ssh/remote/remote-supervisor.ts';
import type { RemoteEnd } from '../../src/engines/ssh/remote/remote-run.ts';
import { createSshLedger } from '../../src/engines/ssh/ssh-ledger.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { newAttempt } from '../conformance/ledger.ts';
import { HOST, executionOrder, specOf } from '../support/execution-spec.ts';
import { nobody } from '../support/listeners.ts';
import { localShell } from '../support/local-shell.ts';
import { requiring } from '../support/needs.ts';
import { accessOf, SshWorld } from '../support/sshd.ts';
import { proxyTo, type Proxy } from '../support/ssh-proxy.ts';
import { tracesOf } from '../support/traces.ts';
import { until } from '../support/until.ts';

requiring('sshd').describe('an order over SSH that is stuck on its way', () => {
  let world: SshWorld;
  let folder: string;
  const ledgers: Ledger[] = [];
  const proxies = new Set<Proxy>();
  beforeAll(() => {
    world = new SshWorld();
    folder = mkdtempSync(join(tmpdir(), 'drover-late-'));
  });
  afterAll(async () => {
    await Promise.all(ledgers.map((ledger) => ledger.stop()));
    await Promise.all([...proxies].map((proxy) => proxy.stop()));
    await world.end();
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(
    orderValidMs: number,
    dir = mkdtempSync(join(folder, 'worker-')),
    there?: Proxy,
  ): Promise<{ proxy: Proxy } & ReturnType<typeof createSshLedger>> {
    const proxy = there ?? (await proxyTo(await world.start()));
    proxies.add(proxy);
    const { ledger, engine } = createSshLedger({
      dir,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      recordHostKey: async () => 'recorded',
      secretsOf: async () => [],
      access: async () => accessOf(world.hop(proxy)),
      orderValidMs,
    });
    ledgers.push(ledger);
    await ledger.start(nobody);
    return { proxy, ledger, engine };
  }

  /** An order that lies in a shell which has stopped, on a line that went mute: neither side was told that the other is gone. */
  async function stick({ proxy, ledger, engine }: Awaited<ReturnType<typeof start>>, once: string) {
    const file = `${once}.shell`;
    const first = newAttempt();
    await ledger.startAttempt(first, specOf('echo $PPID > "$F"', { env: { F: file } }), HOST);
    await until('a shell is kept', async () => (await ledger.report(first)) && tracesOf(first).length === 0);
    const shell = Number(readFileSync(file, 'latin1'));
    process.kill(shell, 'SIGSTOP');
    const [attempt, passed] = [newAttempt(), proxy.passed];
    await ledger.startAttempt(attempt, specOf('echo x >> "$F"; exit 4', { env: { F: once } }), HOST);
    await until('the order is there', () => proxy.passed > passed + 300);
    proxy.mute(true);
    proxy.cutAll();
    await until('it is noticed here', () => engine.connections === 0);
    proxy.mute(false);
    return { attempt, shell };
  }

  const isThere = (pid: number): boolean => existsSync(`/proc/${pid}`);

  it('is not begun when its shell wakes up after it was repeated, has run and was forgotten', async () => {
    const rig = await start(1_000);
    const once = join(folder, 'once');
    const { attempt, shell } = await stick(rig, once);
    const report = await until('the repeated one ends', () => rig.ledger.report(attempt));
    expect(report).toMatchObject({ outcome: { kind: 'exited', code: 4 } });
    await rig.ledger.forget([attempt]);
    await until('it is forgotten', () => tracesOf(attempt).length === 0);
    process.kill(shell, 'SIGCONT');
    await until('its shell has taken it up', () => !isThere(shell) || readFileSync(once, 'latin1') !== 'x\n');
    expect(readFileSync(once, 'latin1')).toBe('x\n');
    expect(tracesOf(attempt)).toEqual([]);
  });

  it('is not said to have been cancelled before it began, nor to have not run, while it still may', async () => {
    for (const isRestarted of [false, true]) {
      const dir = mkdtempSync(join(folder, 'worker-'));
      const rig = await start(600_000, dir);
      const once = join(folder, `may-${isRestarted}`);
      const { attempt, shell } = await stick(rig, once);
      if (isRestarted) await rig.ledger.stop();
      const { ledger, engine } = isRestarted ? await start(600_000, dir, rig.proxy) : rig;
      if (!isRestarted) ledger.cancel(attempt);
      await until('the host was asked', () => rig.proxy.connections > 1 && engine.connections > 0);
      process.kill(shell, 'SIGCONT');
      const report = await until('the end', () => ledger.report(attempt));
      // Whichever comes first, the cancel or its end: it has begun, and that is told.
      expect(report.startedAtMs).toBeDefined();
      if (isRestarted) expect(report).toMatchObject({ outcome: { kind: 'exited', code: 4 } });
    }
  });
});

describe('an order over SSH that a host takes up after its time', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'drover-late-'));
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  for (const login of [['dash'], ['busybox', 'sh'], ['bash']])
    it(`runs once where only our clocks differ, and not at all where it is late again, under ${login[0]}`, async () => {
      const shell = localShell(login, {}, true);
      const once = join(scratch, login[0]!);
      let backMs = 0;
      // Ours stood still for an hour, as one does that is suspended.
      const clock: Clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() - backMs };
      const run = async (orderValidMs: number) => {
        let ended: RemoteEnd | undefined;
        const attempt = newAttempt();
        const order = {
          attempt,
          spec: executionOrder('echo x >> "$F"', { env: { F: once } }),
          hostName: 'h',
          hostId: 'h',
          become: { kind: 'direct' } as const,
        };
        const follower = { started() {}, output() {}, values() {}, ended: (end: RemoteEnd) => void (ended = end) };
        const remote = await startRemote(shell, order, follower, { clock, orderValidMs, liveAfterMs: 60_000 });
        const end = await until('the end', () => ended);
        await remote.forget();
        await until('nothing is left', () => tracesOf(attempt).length === 0);
        return end;
      };
      expect(await run(60_000)).toMatchObject({ outcome: { kind: 'exited', code: 0 } });
      backMs = 3_600_000;
      expect(await run(60_000)).toMatchObject({ outcome: { kind: 'exited', code: 0 } });
      expect(readFileSync(once, 'latin1')).toBe('x\nx\n');
      expect(await run(0)).toMatchObject({
        outcome: { kind: 'refused', reason: 'ssh-timeout' },
        detail: expect.stringContaining('Nothing ran'),
      });
      expect(readFileSync(once, 'latin1')).toBe('x\nx\n');
    });
});
