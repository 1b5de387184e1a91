/** Connections against real sshd: ways to log in, multiplexing, limits of servers, jump hosts, host keys, bad days. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { DroverError } from '../../src/base/errors.ts';
import { limits } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { RemoteEnd } from '../../src/engines/ssh/remote/remote-shell.ts';
import { SshPool, type SshPoolOptions } from '../../src/engines/ssh/connection/ssh-pool.ts';
import type { SshAccess, SshHostKey, SshHop } from '../../src/protocol/link/ssh-access.ts';
import { accessOf, SshWorld, type KeyPair, type Sshd } from '../support/sshd.ts';
import { listenWith, proxyTo } from '../support/ssh-proxy.ts';
import { until } from '../support/until.ts';
import { requiring } from '../support/needs.ts';

interface Answer {
  readonly stdout: string;
  readonly stderr: string;
  readonly end: RemoteEnd;
}

requiring('sshd').describe('connections', () => {
  let world: SshWorld;
  let sshd: Sshd;
  const pools: SshPool[] = [];
  beforeAll(async () => {
    world = new SshWorld();
    sshd = await world.start();
  });
  afterAll(async () => {
    for (const pool of pools) pool.stop();
    await world.end();
  });

  function poolFor(access: SshAccess | (() => SshAccess), more: Partial<SshPoolOptions> = {}): SshPool {
    const pool = new SshPool({
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      recordHostKey: async () => 'recorded',
      access: async () => (typeof access === 'function' ? access() : access),
      ...more,
    });
    pools.push(pool);
    return pool;
  }
  const target = { hostId: 'h' };

  async function run(pool: SshPool, command: string, input = ''): Promise<Answer> {
    const { shell } = await pool.shell(target);
    const channel = await shell.exec(command);
    const [out, err] = [[] as Buffer[], [] as Buffer[]];
    channel.stdout.on('data', (bytes: Buffer) => out.push(bytes));
    channel.stderr.on('data', (bytes: Buffer) => err.push(bytes));
    channel.stdin.end(input);
    const end = await channel.ended;
    return { stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString(), end };
  }

  async function fault(hop: SshHop, more: Partial<SshPoolOptions> = {}): Promise<DroverError> {
    const error = await run(poolFor(accessOf(hop), more), 'true').then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(DroverError);
    return error as DroverError;
  }

  it('runs a command, gives it input, keeps its streams apart and tells its end', async () => {
    const pool = poolFor(accessOf(world.hop(sshd)));
    expect(await run(pool, 'cat; echo err >&2; exit 7', 'in\n')).toEqual({
      stdout: 'in\n',
      stderr: 'err\n',
      end: { kind: 'exited', code: 7 },
    });
    expect((await run(pool, 'kill -TERM $$')).end).toEqual({ kind: 'signalled', signal: 'TERM' });
    expect(pool.size).toBe(1);
  });

  it('shares one connection among many sessions, opened once however many ask', async () => {
    const proxy = await proxyTo(sshd);
    const pool = poolFor(accessOf(world.hop(proxy)));
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => run(pool, `echo ${i}`)));
    expect(answers.map((answer) => answer.stdout)).toEqual(Array.from({ length: 20 }, (_, i) => `${i}\n`));
    expect(proxy.connections).toBe(1);
    await proxy.stop();
  });

  it('tells a connection cut in the middle as lost, and opens a new one for the next', async () => {
    const proxy = await proxyTo(sshd);
    const pool = poolFor(accessOf(world.hop(proxy)));
    const { shell } = await pool.shell(target);
    const channel = await shell.exec('echo on; sleep 60');
    channel.stderr.resume();
    await new Promise((resolve) => channel.stdout.once('data', resolve));
    channel.stdout.resume();
    proxy.cutAll();
    expect((await channel.ended).kind).toBe('lost');
    expect((await run(pool, 'echo again')).stdout).toBe('again\n');
    expect(proxy.connections).toBe(2);
    await proxy.stop();
  });

  it('tells a server that is over its MaxStartups, or closes before a word, as busy after a few tries', async () => {
    // The shortest waits that chance may give.
    const patient = { random: { next: () => 0 } };
    for (const word of ['Exceeded MaxStartups\r\n', '']) {
      const busy = await listenWith((socket) => socket.end(word));
      expect(await fault(world.hop(busy), patient)).toMatchObject({ code: 'ssh-busy' });
      expect(busy.connections).toBe(1 + limits.sshBusyTriesMax);
      await busy.stop();
    }
  });

  it('tells a server that lets one log in and opens no session', async () => {
    const closed = await world.start({ lines: ['MaxSessions 0'] });
    expect(await fault(world.hop(closed))).toMatchObject({
      code: 'ssh-session-refused',
      detail: expect.stringContaining('MaxSessions'),
    });
  });

  it('keeps to MaxSessions of the server', async () => {
    const small = await world.start({ lines: ['MaxSessions 2'] });
    const pool = poolFor(accessOf(world.hop(small)));
    const answers = await Promise.all(Array.from({ length: 9 }, (_, i) => run(pool, `sleep 0.02; echo ${i}`)));
    expect(answers.map((answer) => answer.stdout)).toEqual(Array.from({ length: 9 }, (_, i) => `${i}\n`));
  });

  it('comes back later when the server has too many that are logging in', async () => {
    const small = await world.start({ lines: ['MaxStartups 1'] });
    const hops = Array.from({ length: 6 }, (_, i) => world.hop(small, { hostId: `h${i}` }));
    const answers = await Promise.all(hops.map((hop) => run(poolFor(accessOf(hop)), 'echo in')));
    expect(answers.every((answer) => answer.stdout === 'in\n')).toBe(true);
  });

  it('goes through a chain of jump hosts, whose connections are shared', async () => {
    const [first, second] = [await world.start({ address: '127.0.0.2' }), await world.start({ address: '127.0.0.3' })];
    const proxy = await proxyTo(first);
    const hops = [world.hop(proxy), world.hop(second), world.hop(sshd)];
    const pool = poolFor(accessOf(...hops));
    expect((await run(pool, 'echo $SSH_CONNECTION')).stdout).toMatch(new RegExp(` 127.0.0.1 ${sshd.port}\n$`));
    expect(proxy.connections).toBe(1);
    expect(pool.size).toBe(3);
    await proxy.stop();
  });

  it('names the jump host that may not be used, or that cannot reach the next', async () => {
    const closed = await world.start({ address: '127.0.0.2', lines: ['AllowTcpForwarding no'] });
    const refused = await run(poolFor(accessOf(world.hop(closed), world.hop(sshd))), 'true').catch(
      (error: unknown) => error as DroverError,
    );
    expect(refused).toMatchObject({
      code: 'ssh-forward-refused',
      detail: expect.stringContaining('AllowTcpForwarding'),
    });
    const open = await world.start({ address: '127.0.0.2' });
    const unreachable = await run(
      poolFor(accessOf(world.hop(open), world.hop({ address: '127.0.0.9', port: 1 }))),
      'true',
    ).catch((error: unknown) => error as DroverError);
    expect(unreachable).toMatchObject({ code: 'ssh-refused', detail: expect.stringContaining('jump host 127.0.0.2') });
  });

  it('refuses jump hosts that go in a circle, before it dials anybody', async () => {
    const [a, b] = [world.hop(sshd, { hostId: 'a' }), world.hop({ address: '127.0.0.7', port: 7 }, { hostId: 'b' })];
    expect(await run(poolFor(accessOf(a, b, a)), 'true').catch((error: unknown) => error)).toMatchObject({
      code: 'ssh-path-invalid',
      detail: expect.stringContaining('circle'),
    });
  });

  it('reaches a host that has the same address from its jump host as that has from here', async () => {
    const inner = await world.start({ address: '127.0.0.2' });
    const access = accessOf(world.hop(inner, { hostId: 'outer' }), world.hop(inner, { hostId: 'inner' }));
    expect(await run(poolFor(access), 'echo here')).toMatchObject({ stdout: 'here\n' });
  });

  it('closes idle connections, and the longest idle when there are too many', async () => {
    const pool = poolFor(accessOf(world.hop(sshd)), { idleMs: 60 });
    await run(pool, 'true');
    await until('the idle connection was closed', () => pool.size === 0);
    const bounded = poolFor(accessOf(world.hop(sshd)), { connectionsMax: 2 });
    for (let i = 0; i < 4; i++) await (await bounded.shell({ hostId: `h${i}` })).shell;
    expect(bounded.size).toBe(2);
  });

  it('records a first host key before it logs in, and blocks a changed one with both fingerprints', async () => {
    const recorded: SshHostKey[] = [];
    const recordHostKey = async (_hostId: string, key: SshHostKey): Promise<'recorded'> => {
      recorded.push(key);
      return 'recorded';
    };
    await run(poolFor(accessOf(world.hop(sshd)), { recordHostKey }), 'true');
    expect(Buffer.from(recorded[0]!.key).equals(world.hostKey.publicBlob)).toBe(true);
    const known = { knownHostKeys: [{ algorithm: 'ssh-ed25519', key: world.hostKey.publicBlob }] };
    expect(
      (await run(poolFor(accessOf(world.hop(sshd, { ...known, hostKeyPolicy: 'strict' }))), 'echo ok')).stdout,
    ).toBe('ok\n');
    const other = world.makeKey('ed25519');
    const changed = await fault(
      world.hop(sshd, { knownHostKeys: [{ algorithm: 'ssh-ed25519', key: other.publicBlob }] }),
    );
    expect(changed.code).toBe('ssh-host-key-changed');
    expect(changed.detail.match(/SHA256:[A-Za-z0-9+/]{43}/g)).toHaveLength(2);
    expect(changed.detail).toContain('drover hosts keys accept');
    expect((await fault(world.hop(sshd, { hostKeyPolicy: 'strict' }))).code).toBe('ssh-host-key-unknown');
    expect((await fault(world.hop(sshd), { recordHostKey: async () => 'refused' })).code).toBe('ssh-host-key-changed');
  });

  it('tells the server of a key that it does not believe, and believes it for no answer of the server', async () => {
    const other = { knownHostKeys: [{ algorithm: 'ssh-ed25519', key: world.makeKey('ed25519').publicBlob }] };
    for (const [code, more] of [
      ['ssh-host-key-changed', other],
      ['ssh-host-key-unknown', { hostKeyPolicy: 'strict' }],
    ] as const) {
      const told: SshHostKey[] = [];
      const recordHostKey = async (_hostId: string, key: SshHostKey): Promise<'recorded'> => {
        told.push(key);
        return 'recorded';
      };
      expect((await fault(world.hop(sshd, more), { recordHostKey })).code).toBe(code);
      expect(told.map(({ key }) => Buffer.from(key).equals(world.hostKey.publicBlob))).toEqual([true]);
      const unheard = await fault(world.hop(sshd, more), {
        recordHostKey: async () => Promise.reject(new DroverError('server-unreachable')),
      });
      expect([unheard.code, unheard.detail]).toEqual([code, expect.stringContaining('could not be told of the key')]);
      expect(
        (
          await fault(world.hop(sshd, more), {
            recordHostKey: () => new Promise(() => undefined),
            dial: { handshakeMs: 2_000 },
          })
        ).code,
      ).toBe(code);
    }
  });

  it('asks for the kind of key that is known, and tells another kind as changed', async () => {
    const [ed25519, ecdsa, rsa] = [world.hostKey, world.makeKey('ecdsa'), world.makeKey('rsa')];
    const known = (...keys: readonly KeyPair[]): Partial<SshHop> => ({
      knownHostKeys: keys.map((key) => ({ algorithm: key.publicLine.split(' ')[0]!, key: key.publicBlob })),
    });
    const both = await world.start({ hostKey: ecdsa, lines: [`HostKey ${rsa.path}`] });
    for (const key of [ecdsa, rsa])
      expect((await run(poolFor(accessOf(world.hop(both, known(key)))), 'echo ok')).stdout).toBe('ok\n');
    const kinds = { algorithms: { serverHostKey: ['ecdsa-sha2-nistp256', 'rsa-sha2-512'] } };
    expect((await run(poolFor(accessOf(world.hop(both, { ...known(rsa), ...kinds }))), 'echo ok')).stdout).toBe('ok\n');
    const told: string[] = [];
    const recordHostKey = async (_hostId: string, key: SshHostKey): Promise<'refused'> => {
      told.push(key.algorithm);
      return 'refused';
    };
    const changed = await fault(world.hop(both, known(ed25519)), { recordHostKey });
    expect(changed).toMatchObject({
      code: 'ssh-host-key-changed',
      detail: expect.stringMatching(/Known: ssh-ed25519 SHA256:.*Now shown: ecdsa-sha2-nistp256 SHA256:/),
    });
    expect(told).toEqual(['ecdsa-sha2-nistp256']);
    const unheardOf = { knownHostKeys: [{ algorithm: 'ssh-new', key: Buffer.from('\0\0\0\x07ssh-new and more') }] };
    expect((await fault(world.hop(sshd, unheardOf))).code).toBe('ssh-host-key-changed');
  });

  it('tells what is wrong with an address, a port, or what listens there', async () => {
    const dial = { tcpMs: 2_000, handshakeMs: 2_000 };
    expect((await fault(world.hop({ address: 'no-such-host.invalid', port: 22 }))).code).toBe('ssh-name-unknown');
    expect((await fault(world.hop({ address: '127.0.0.1', port: 1 }))).code).toBe('ssh-refused');
    const silent = await listenWith(() => undefined);
    expect((await fault(world.hop(silent), { dial })).code).toBe('ssh-silent');
    const web = await listenWith((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    expect(await fault(world.hop(web), { dial })).toMatchObject({
      code: 'ssh-not-ssh',
      detail: expect.stringContaining('HTTP/1.1 400'),
    });
    await Promise.all([silent.stop(), web.stop()]);
  });

  it('reads over a banner before the version', async () => {
    const chatty = await listenWith((socket) => {
      socket.write('Welcome to the bastion\r\nall is recorded\r\n');
      void import('node:net').then(({ connect }) => {
        const behind = connect(sshd.port, sshd.address);
        behind.on('error', () => undefined);
        socket.pipe(behind).pipe(socket);
      });
    });
    expect((await run(poolFor(accessOf(world.hop(chatty))), 'echo in')).stdout).toBe('in\n');
    await chatty.stop();
  });
});
