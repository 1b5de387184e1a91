/** Hosts without an agent that mean harm: each harms its own attempts, and neither the worker's word to its servers nor its memory. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { AttemptId } from '../../src/base/ids.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { SshPool } from '../../src/engines/ssh/connection/ssh-pool.ts';
import { erase, readWhole, type RemotePlace } from '../../src/engines/ssh/remote/remote-questions.ts';
import { createSshLedger } from '../../src/engines/ssh/ssh-ledger.ts';
import { fits } from '../../src/ledger/fitting-words.ts';
import type { Ledger, LedgerListener } from '../../src/ledger/ledger.ts';
import type { AgentReport } from '../../src/protocol/link/agent-v1.ts';
import { instant, pid as pidShape, report as reportShape } from '../../src/protocol/link/common-shapes.ts';
import type { RemoteChannel } from '../../src/engines/ssh/remote/remote-shell.ts';
import type { SshAccess, SshHop } from '../../src/protocol/link/ssh-access.ts';
import { newAttempt } from '../conformance/ledger.ts';
import { specOf } from '../support/execution-spec.ts';
import { hostileSshd, socketOf, type Asked, type HostileOptions, type HostileSshd } from '../support/hostile-sshd.ts';
import { nobody } from '../support/listeners.ts';
import { until } from '../support/until.ts';

const MiB = 1024 * 1024;
/** What may lie in the buffers of both ends of a connection of this machine, beside what the worker takes. */
const IN_BUFFERS = 24 * MiB;
const PIECE = Buffer.alloc(32_768, 'A');
const target = { hostId: 'h', hostName: 'h' };

/** Inside the server's library, which has no way to break the rules. */
interface Inside {
  readonly _protocol: {
    readonly _handlers: { GLOBAL_REQUEST(protocol: unknown, name: string, ...rest: unknown[]): void };
    readonly _packetRW: {
      readonly write: { readonly allocStart: number; alloc(bytes: number): Buffer; finalize(packet: Buffer): Buffer };
    };
    readonly _cipher: { encrypt(packet: Buffer): void };
    channelOpenConfirm(...numbers: number[]): void;
    channelEOF(id: number): void;
    channelExtData(id: number, data: Buffer, type: number): void;
    /** Asks whether the other end is there. */
    ping(): void;
  };
}
const inside = (client: unknown): Inside['_protocol'] => (client as Inside)._protocol;
const outgoing = ({ channel }: Asked): { readonly id: number; window: number } =>
  (channel as unknown as { readonly outgoing: { readonly id: number; window: number } }).outgoing;
const STDERR = 1;

describe('a hostile host', () => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-hostile-'));
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
  function accessTo({ address, port }: HostileSshd): SshAccess {
    const hop: SshHop = {
      hostId: target.hostId,
      address,
      port,
      user: 'ops',
      credentials: [{ kind: 'password', name: 'p', password: 'secret' }],
      hostKeyPolicy: 'first-use',
      knownHostKeys: [],
    };
    return { hostId: target.hostId, accountId: 'account', hops: [hop], become: { kind: 'direct' } };
  }
  async function ledgerTo(host: HostileSshd, listener: LedgerListener = nobody): Promise<Ledger> {
    const { ledger } = createSshLedger({
      dir: mkdtempSync(join(folder, 'worker-')),
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      recordHostKey: async () => 'recorded',
      secretsOf: async () => [],
      orderValidMs: 2_000,
      access: async () => accessTo(host),
    });
    open.push(ledger);
    await ledger.start(listener);
    return ledger;
  }
  function poolTo(host: HostileSshd): SshPool {
    const pool = new SshPool({
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      access: async () => accessTo(host),
      recordHostKey: async () => 'recorded',
    });
    open.push(pool);
    return pool;
  }
  async function placeOn(host: HostileSshd): Promise<RemotePlace> {
    const { shell } = await poolTo(host).shell(target);
    const clock = systemClock;
    return {
      shell,
      target: { attempt: newAttempt(), become: { kind: 'direct' } },
      clock,
      procRoot: '/proc',
      beginMs: 1_000,
    };
  }
  async function run(ledger: Ledger): Promise<{ attempt: AttemptId; report: AgentReport }> {
    const attempt = newAttempt();
    await ledger.startAttempt(attempt, specOf('true'), target);
    return { attempt, report: await until(`the report of ${attempt}`, () => ledger.report(attempt)) };
  }

  describe('that says numbers which are none', () => {
    const start = 'S 5 100 200';
    it.each([
      ['a process of no number', ['S abc 1 2']],
      ['a process below all', ['S -5 1 2']],
      ['a start in parts', ['S 5 100.55555 200']],
      ['an end at no time', [start, 'E abc e0 1 250 -']],
      ['an end after all time', [start, 'E 99999999999999999999 e0 1 250 -']],
      ['a survivor of no number', [start, 'E 300 e0 1 250 - abc']],
      ['output at no place', [start, 'O 1 NaN']],
      ['output before all', [start, 'O 1 -1e15']],
    ])(
      '%s: the attempt ends as unknown, in words that say so, and in a report that a server takes',
      async (_name, said) => {
        const starts: boolean[] = [];
        const host = await hostWith({ onOrder: (asked) => said.forEach((line) => host.say(asked, line)) });
        const ledger = await ledgerTo(host, {
          ...nobody,
          started: (_attempt, { pid, atMs }) => void starts.push(fits(pidShape, pid) && fits(instant, atMs)),
        });
        const { report } = await run(ledger);
        expect(report).toMatchObject({
          outcome: { kind: 'unknown', reason: 'ssh-lost' },
          detail: expect.stringContaining('does not speak as the program on it does'),
        });
        expect(fits(reportShape, report)).toBe(true);
        expect(starts).not.toContain(false);
      },
    );

    it('five thousand survivors: so many are told as a report holds', async () => {
      const many = Array.from({ length: 5_000 }, (_, i) => i + 10).join(' ');
      const host = await hostWith({
        onOrder: (asked) => [start, `E 300 e0 1 250 - ${many}`].forEach((line) => host.say(asked, line)),
      });
      const { report } = await run(await ledgerTo(host));
      expect(report.survivors).toHaveLength(4_096);
      expect(fits(reportShape, report)).toBe(true);
    });

    it('a size of output that is none: the question is answered by a fault', async () => {
      const host = await hostWith({ onWhole: (asked) => host.say(asked, 'W nonsense') });
      await expect(readWhole(await placeOn(host), { stream: 1, offset: 0, length: 100 })).rejects.toMatchObject({
        code: 'ssh-lost',
        detail: expect.stringContaining('the size of an output'),
      });
    });
  });

  describe('that never stops', () => {
    it('when it is asked what its session is like: nothing runs, and no more is read', async () => {
      const host = await hostWith({
        onSession: (asked) => {
          host.say(asked, 'W 0');
          host.flood(asked, PIECE);
        },
      });
      const { report } = await run(await ledgerTo(host));
      expect(report).toMatchObject({
        outcome: { kind: 'refused', reason: 'ssh-no-shell' },
        detail: expect.stringContaining('its environment is too large'),
      });
      expect(host.flooded).toBeLessThan(IN_BUFFERS);
    });

    it('with names of its environment', async () => {
      const names = Array.from({ length: 20_000 }, (_, i) => `export a${i}=\n`).join('');
      const host = await hostWith({
        onSession: (asked) => {
          host.say(asked, 'W 0');
          asked.channel.write(`${names}${asked.nonce} \n`);
        },
      });
      expect((await run(await ledgerTo(host))).report).toMatchObject({
        outcome: { kind: 'refused', reason: 'ssh-no-shell' },
        detail: expect.stringContaining('too many names'),
      });
    });

    it('when it is asked for a range of output', async () => {
      const host = await hostWith({
        onWhole: (asked) => {
          host.say(asked, 'W 1000000000');
          host.flood(asked, PIECE);
        },
      });
      await expect(readWhole(await placeOn(host), { stream: 1, offset: 0, length: 100 })).rejects.toMatchObject({
        detail: expect.stringContaining('more of an output than it was asked for'),
      });
      expect(host.flooded).toBeLessThan(IN_BUFFERS);
    });

    it('when it is told to forget, and never says that it has', async () => {
      let asked: Asked | undefined;
      const host = await hostWith({
        onErase: (erasing) => {
          asked = erasing;
          host.flood(erasing, Buffer.from(`${erasing.nonce} Z\n`.repeat(1_000)));
        },
      });
      await expect(erase(await placeOn(host))).rejects.toMatchObject({
        detail: expect.stringContaining('its answer has no end'),
      });
      expect(asked).toBeDefined();
    });
  });

  it('that says of what was found again that it was started already, on and on, is believed once', async () => {
    const host = await hostWith({
      onOrder: (asked) => host.say(asked, 'H'),
      onAttach: (asked) => ['S 5 100 200', 'H'].forEach((line) => host.say(asked, line)),
    });
    expect((await run(await ledgerTo(host))).report).toMatchObject({
      outcome: { kind: 'unknown', reason: 'ssh-lost' },
      detail: expect.stringContaining('an order that it was not given'),
    });
  });

  it('whose shell speaks without an order is given up, and the next order has another', async () => {
    const shells: Asked[] = [];
    let closed = 0;
    const host = await hostWith({
      onBye: (asked) => {
        shells.push(asked);
        asked.channel.once('close', () => closed++);
        host.say(asked, 'F');
      },
      onTidy: (asked) => void asked.channel.write('what nobody asked for'),
    });
    const ledger = await ledgerTo(host);
    for (const done of [1, 2]) {
      const { attempt, report } = await run(ledger);
      expect(report.outcome).toEqual({ kind: 'exited', code: 0 });
      await ledger.forget([attempt]);
      await until('its shell is closed', () => closed === done);
    }
    expect(new Set(shells.map(({ channel }) => channel)).size).toBe(2);
  });

  describe('that breaks the rules of SSH', () => {
    async function cut(host: HostileSshd): Promise<void> {
      await until('the connection is cut', () => host.clients.size === 0);
    }
    async function execOn(host: HostileSshd): Promise<RemoteChannel> {
      return (await poolTo(host).shell(target)).shell.exec('cat');
    }

    it('by sending beyond the window: the connection is cut', async () => {
      const host = await hostWith({
        onChannel: (asked) => {
          outgoing(asked).window = Number.MAX_SAFE_INTEGER;
          host.flood(asked, Buffer.alloc(30_001, 'E'));
          return true;
        },
      });
      const channel = await execOn(host);
      await cut(host);
      channel.stdout.resume();
      channel.stderr.resume();
      expect(await channel.ended).toEqual({ kind: 'lost', reason: 'the host sends more than it was allowed to' });
      expect(host.flooded).toBeLessThan(IN_BUFFERS);
    });

    it('by sending beyond the window what is written as a fault', async () => {
      const host = await hostWith({
        onChannel: (asked) => {
          for (let i = 0; i < 100; i++) inside(asked.client).channelExtData(outgoing(asked).id, PIECE, STDERR);
          return true;
        },
      });
      const channel = await execOn(host);
      await cut(host);
      // What a stream holds before it is full, and a window beside.
      expect(channel.stderr.readableLength).toBeLessThanOrEqual(4 * MiB);
    });

    it('by taking our words in pieces of no bytes', async () => {
      const host = await hostWith({
        onClient: (client) => {
          const protocol = inside(client);
          const confirm = protocol.channelOpenConfirm.bind(protocol);
          protocol.channelOpenConfirm = (theirs, ours, window) => confirm(theirs!, ours!, window!, 0);
        },
      });
      await expect(execOn(host)).rejects.toMatchObject({ code: 'ssh-lost' });
    });

    it('by writing on after its end: nothing falls over', async () => {
      const host = await hostWith({
        onChannel: (asked) => {
          inside(asked.client).channelEOF(outgoing(asked).id);
          inside(asked.client).channelExtData(outgoing(asked).id, Buffer.from('more'), STDERR);
          asked.channel.exit(0);
          asked.channel.close();
          return true;
        },
      });
      const channel = await execOn(host);
      channel.stdout.resume();
      channel.stderr.resume();
      expect(await channel.ended).toEqual({ kind: 'exited', code: 0 });
    });

    it('by asking on and on, and taking no answer', async () => {
      const host = await hostWith({
        onClient: (client) => {
          const socket = socketOf(client);
          socket.pause();
          const ask = (): void => {
            for (let i = 0; i < 500 && !socket.destroyed; i++) inside(client).ping();
            if (!socket.destroyed) setImmediate(ask);
          };
          ask();
        },
      });
      const { shell } = await poolTo(host).shell(target);
      await expect(shell.exec('cat')).rejects.toMatchObject({ code: 'ssh-lost' });
    });

    it('by telling of keys without end: none is looked at', async () => {
      const asked: string[] = [];
      const host = await hostWith({
        config: { ident: 'OpenSSH_9.9' },
        onClient: (client) => {
          const protocol = inside(client);
          const heard = protocol._handlers.GLOBAL_REQUEST;
          protocol._handlers.GLOBAL_REQUEST = (from, name, ...rest) => {
            asked.push(name);
            heard(from, name, ...rest);
          };
          const { write } = protocol._packetRW;
          const name = Buffer.from('hostkeys-00@openssh.com');
          const payload = Buffer.concat([Buffer.from([80, 0, 0, 0, name.length]), name, Buffer.from([0])]);
          const packet = write.alloc(payload.length);
          packet.set(payload, write.allocStart);
          protocol._cipher.encrypt(write.finalize(packet));
        },
        onChannel: ({ channel }) => {
          channel.exit(0);
          channel.end();
          return true;
        },
      });
      const channel = await execOn(host);
      channel.stdout.resume();
      channel.stderr.resume();
      expect(await channel.ended).toEqual({ kind: 'exited', code: 0 });
      expect(asked).toEqual([]);
    });

    it('by offering nothing but what is compressed', async () => {
      const host = await hostWith({ config: { algorithms: { compress: ['zlib', 'zlib@openssh.com'] } } });
      await expect(poolTo(host).shell(target)).rejects.toMatchObject({ code: 'ssh-no-common-algorithm' });
    });

    it('by asking a thousand things at the login: the password is no answer to them', async () => {
      const answers: number[] = [];
      const host = await hostWith({
        onLogin: (context) => {
          if (context.method !== 'keyboard-interactive') return context.reject(['keyboard-interactive']);
          context.prompt(
            Array.from({ length: 1_000 }, () => 'Password:'),
            (said) => {
              answers.push(said.length);
              context.reject();
            },
          );
        },
      });
      await expect(poolTo(host).shell(target)).rejects.toMatchObject({ code: 'ssh-auth-failed' });
      expect(answers).toEqual([0]);
    });
  });
});
