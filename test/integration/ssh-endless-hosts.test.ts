/** Hosts without an agent that answer whenever they are asked about an attempt, and never tell its end: none keeps it so. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import type { AttemptId } from '../../src/base/ids.ts';
import { limits } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { createSshLedger } from '../../src/engines/ssh/ssh-ledger.ts';
import type { Ledger, LedgerListener } from '../../src/ledger/ledger.ts';
import type { AgentReport } from '../../src/protocol/link/agent-v1.ts';
import type { SshHop } from '../../src/protocol/link/ssh-access.ts';
import { newAttempt } from '../conformance/ledger.ts';
import { specOf } from '../support/execution-spec.ts';
import { hostileSshd, type HostileOptions, type HostileSshd } from '../support/hostile-sshd.ts';
import { nobody } from '../support/listeners.ts';
import { until } from '../support/until.ts';

const target = { hostId: 'h', hostName: 'h' };

describe('a host that answers whenever it is asked, and never tells an end', () => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-endless-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const open: { stop(): unknown }[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.stop();
  });

  async function hostWith(options: HostileOptions): Promise<HostileSshd> {
    const host = await hostileSshd(options);
    open.push(host);
    return host;
  }
  async function ledgerTo({ address, port }: HostileSshd, listener: LedgerListener, clock: Clock): Promise<Ledger> {
    const hop: SshHop = {
      hostId: target.hostId,
      address,
      port,
      user: 'ops',
      credentials: [{ kind: 'password', name: 'p', password: 'secret' }],
      hostKeyPolicy: 'first-use',
      knownHostKeys: [],
    };
    const { ledger } = createSshLedger({
      dir: mkdtempSync(join(folder, 'worker-')),
      clock,
      random: systemRandom,
      log: silentLog,
      recordHostKey: async () => 'recorded',
      secretsOf: async () => [],
      orderValidMs: 2_000,
      access: async () => ({ hostId: target.hostId, accountId: 'account', hops: [hop], become: { kind: 'direct' } }),
    });
    open.push(ledger);
    await ledger.start(listener);
    return ledger;
  }

  /** Waits for what must be over are over when a test says so, and then they were. */
  function patientClock(): { clock: Clock; pass: (alsoMs?: number) => void } {
    let passedMs = 0;
    let waiting: { readonly atMs: number; readonly callback: () => void }[] = [];
    const clock: Clock = {
      ...systemClock,
      monotonicMs: () => systemClock.monotonicMs() + passedMs,
      after(delayMs, callback, options) {
        const isForEnd = delayMs > limits.sshSilentMs && delayMs < 2 * limits.sshSilentMs;
        if (!isForEnd) return systemClock.after(delayMs, callback, options);
        const wait = { atMs: clock.monotonicMs() + delayMs, callback };
        waiting.push(wait);
        return () => void (waiting = waiting.filter((each) => each !== wait));
      },
    };
    const pass = (alsoMs = 0): void => {
      const [first] = waiting.splice(0, 1);
      if (first === undefined) return;
      passedMs += Math.max(0, first.atMs - clock.monotonicMs()) + alsoMs;
      first.callback();
    };
    return { clock, pass };
  }
  const endless = {
    outcome: { kind: 'unknown', reason: 'ssh-lost' },
    detail: expect.stringMatching(/^The host answers, and told no end of it until long after/) as string,
  };
  const start = 'S 5 100 200';
  /** As soon as the worker has heard the host's answer, which is a little later than that it was given. */
  const endOf = (ledger: Ledger, attempt: AttemptId, pass: () => void): Promise<AgentReport> =>
    until('the end', () => {
      pass();
      return ledger.report(attempt);
    });

  it.each([
    ['and goes on', false],
    ['and hangs up', true],
  ])('%s: its attempt ends when it is asked in vain for the second time', async (_name, hangsUp) => {
    const { clock, pass } = patientClock();
    let attaches = 0;
    const host = await hostWith({
      onOrder: (asked) => host.say(asked, start),
      onAttach: (asked) => {
        attaches++;
        host.say(asked, start);
        if (hangsUp) asked.channel.end();
      },
    });
    const ledger = await ledgerTo(host, nobody, clock);
    const attempt = newAttempt();
    await ledger.startAttempt(attempt, specOf('true'), target);
    await until('it runs', () => ledger.startOf(attempt));
    pass();
    const before = attaches;
    await until('it is asked anew', () => attaches > before + (hangsUp ? 2 : 0));
    expect(await ledger.report(attempt)).toBeUndefined();
    expect(await endOf(ledger, attempt, pass)).toMatchObject(endless);
    expect(ledger.load().running).toBe(0);
  });

  it('though it was cancelled', async () => {
    const { clock, pass } = patientClock();
    let attaches = 0;
    const host = await hostWith({
      onOrder: (asked) => host.say(asked, start),
      onAttach: (asked) => {
        attaches++;
        host.say(asked, start);
      },
    });
    const ledger = await ledgerTo(host, nobody, clock);
    const attempt = newAttempt();
    await ledger.startAttempt(attempt, specOf('true', { timeoutMs: 24 * 60 * 60_000 }), target);
    await until('it runs', () => ledger.startOf(attempt));
    for (let asks = 0; asks < 3; asks++) ledger.cancel(attempt);
    pass();
    await until('it is asked anew', () => attaches > 0);
    ledger.cancel(attempt);
    expect(await endOf(ledger, attempt, pass)).toMatchObject(endless);
  });

  it('but sends more output each time: it is waited for, a day, and no longer', async () => {
    const { clock, pass } = patientClock();
    let attaches = 0;
    const host = await hostWith({
      onOrder: (asked) => host.say(asked, start),
      onAttach: (asked) => {
        host.say(asked, start);
        host.say(asked, `O 1 ${attaches++}`);
        asked.channel.write(`x${asked.nonce} \n`);
      },
    });
    let received = 0;
    const output: LedgerListener['output'] = (_attempt, _stream, _offset, bytes) => void (received += bytes.length);
    const ledger = await ledgerTo(host, { ...nobody, output }, clock);
    const attempt = newAttempt();
    await ledger.startAttempt(attempt, specOf('true'), target);
    ledger.watch(attempt, true);
    await until('it runs', () => ledger.startOf(attempt));
    for (let look = 1; look <= 4; look++) {
      pass();
      await until('it has sent more', () => received >= look);
      expect(await ledger.report(attempt)).toBeUndefined();
    }
    pass(limits.sshReattachMs);
    expect(await until('the end', () => ledger.report(attempt))).toMatchObject(endless);
  });
});
