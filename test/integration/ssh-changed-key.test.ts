/** A host that shows another key than it is known by: what becomes of the connections that were opened before. Real sshd behind one address. */
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, afterEach, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { given } from '../../src/base/given.ts';
import type { HostId } from '../../src/base/ids.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { testConnection } from '../../src/engines/ssh/connection/connection-test.ts';
import { SshPool } from '../../src/engines/ssh/connection/ssh-pool.ts';
import type { RemoteChannel } from '../../src/engines/ssh/remote/remote-shell.ts';
import type { SshAccess } from '../../src/protocol/link/ssh-access.ts';
import { requiring } from '../support/needs.ts';
import { testApi } from '../support/api.ts';
import { accessOf, SshWorld, type Sshd } from '../support/sshd.ts';
import { listenWith, type Proxy } from '../support/ssh-proxy.ts';
import { testUp } from '../support/test-cluster.ts';
import { cliOf, newDataDir } from '../support/up.ts';

requiring('sshd').describe('a host whose key has changed', () => {
  let world: SshWorld;
  let [before, after]: Sshd[] = [];
  let behind: Sshd;
  let host: Proxy;
  let pool: SshPool;
  const target = { hostId: 'h' };

  beforeAll(async () => {
    world = new SshWorld();
    before = await world.start();
    after = await world.start({ hostKey: world.makeKey('ed25519') });
  });
  beforeEach(async () => {
    behind = before!;
    // What is connected stays with whom it is connected to, as the sessions of an sshd that was restarted.
    host = await listenWith((socket: Socket) => {
      const line = connect(behind.port, behind.address);
      for (const [one, other] of [
        [socket, line],
        [line, socket],
      ] as const)
        one.pipe(other).on('error', () => one.destroy());
      line.on('close', () => socket.destroy());
    });
    pool = new SshPool(options(() => access()));
  });
  afterEach(async () => {
    pool.stop();
    await host.stop();
  });
  afterAll(() => world.end());

  const known = () => [{ algorithm: 'ssh-ed25519', key: world.hostKey.publicBlob }];
  const access = (account = 'a'): SshAccess => ({
    ...accessOf(world.hop(host, { hostId: 'h', knownHostKeys: known() })),
    hostId: 'h',
    accountId: account,
  });
  const options = (of: (account?: string) => SshAccess) => ({
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    recordHostKey: async () => 'refused' as const,
    access: async ({ accountId }: { accountId?: string }) => of(accountId),
  });

  async function begin(command: string, of: { hostId: string; accountId?: string } = target): Promise<RemoteChannel> {
    const { shell } = await pool.shell(of);
    const channel = await shell.exec(command);
    channel.stderr.resume();
    return channel;
  }
  async function said(channel: RemoteChannel): Promise<string> {
    let text = '';
    channel.stdout.on('data', (bytes: Buffer) => (text += bytes.toString()));
    channel.stdin.end();
    expect(await channel.ended).toEqual({ kind: 'exited', code: 0 });
    return text;
  }

  it('gets no new work over a connection of before, once another account has seen it; what runs there goes on', async () => {
    expect(await said(await begin('echo warm'))).toBe('warm\n');
    const running = await begin('read x; echo "$x"');
    behind = after!;
    expect(await said(await begin('echo still warm'))).toBe('still warm\n');
    await expect(pool.shell({ ...target, accountId: 'other' })).rejects.toMatchObject({ code: 'ssh-host-key-changed' });
    await expect(begin('echo hi')).rejects.toMatchObject({ code: 'ssh-host-key-changed' });
    running.stdin.write('to the end\n');
    expect(await said(running)).toBe('to the end\n');
  });

  it('has its idle connections closed, once a test of the way has seen it, and takes work again as whom it is known', async () => {
    await said(await begin('true'));
    expect(pool.size).toBe(1);
    behind = after!;
    const steps = await testConnection(access(), {
      ...options(access),
      onKeyChanged: (hostId) => pool.keyChanged(hostId),
    });
    expect(steps.find(({ result }) => result === 'failed')).toMatchObject({ code: 'ssh-host-key-changed' });
    expect(pool.size).toBe(0);
    behind = before!;
    expect(await said(await begin('echo known'))).toBe('known\n');
  });

  it('gets none over a connection of before, once another worker has told the server', async () => {
    let isOtherKeyShown = false;
    pool.stop();
    pool = new SshPool(
      options(() => {
        const way = access();
        return {
          ...way,
          hops: way.hops.map((hop) => ({ ...hop, ...given({ isOtherKeyShown: isOtherKeyShown || undefined }) })),
        };
      }),
    );
    await said(await begin('true'));
    behind = after!;
    pool.accessChanged();
    expect(await said(await begin('echo nobody has seen it'))).toBe('nobody has seen it\n');
    isOtherKeyShown = true;
    pool.accessChanged();
    await expect(begin('true')).rejects.toMatchObject({ code: 'ssh-host-key-changed' });
  });

  it('gets no script over a connection of before, once `drover hosts test` has seen it', async () => {
    const up = await testUp(newDataDir(), 1);
    const cli = cliOf(up);
    try {
      const login = ['--default', '--user', world.user, '--key', world.userKey.path];
      await cli('accounts', 'create', 'ops', '--scope', 'box', ...login);
      await cli('hosts', 'add', 'box', '--address', host.address, '--port', String(host.port));
      const run = () => cli('run', '-t', 'box', '--', 'echo in');
      expect(await run()).toMatchObject({ code: 0 });
      behind = after!;
      expect(await run()).toMatchObject({ code: 0 });
      expect(await cli('hosts', 'test', 'box')).toMatchObject({ code: 1 });
      const refused = await run();
      expect(refused.stdout + refused.stderr).toContain('ssh-host-key-changed');
      expect(refused.code).not.toBe(0);
    } finally {
      await up.end();
    }
  }, 120_000);

  it('is told to every worker by the server: the ways have changed, once', async () => {
    const api = await testApi();
    try {
      const added = await api.app.inject({
        method: 'POST',
        url: '/api/v1/hosts',
        headers: { authorization: `Bearer ${await api.token('admin')}`, 'idempotency-key': 'one' },
        payload: { name: 'box', address: '127.0.0.1' },
      });
      expect(added.statusCode, added.body).toBe(201);
      const id = (added.json() as { id: HostId }).id;
      const version = async (): Promise<number> => {
        const list = await api.store.hostAccessList();
        return list === 'unchanged' ? Number.NaN : list.version;
      };
      const isShown = async (): Promise<unknown> => {
        const way = await api.store.hostAccess(id);
        return way.kind === 'access' && way.hops[0]!.isOtherKeyShown;
      };
      const key = (text: string) => ({ algorithm: 'ssh-ed25519', key: Buffer.from(text) });
      expect(await api.store.hostKeyRecord(id, key('first'), { zone: 'default' })).toBe('recorded');
      const first = await version();
      expect(await isShown()).toBe(false);
      for (let times = 0; times < 2; times++)
        expect(await api.store.hostKeyRecord(id, key('second'), { zone: 'default' })).toBe('changed');
      expect([await version(), await isShown()]).toEqual([first + 1, true]);
    } finally {
      await api.close();
    }
  });

  it('is not gone through to the hosts behind it', async () => {
    const inner = await world.start({ address: '127.0.0.2' });
    pool.stop();
    const jump = (): SshAccess['hops'][number] => world.hop(host, { hostId: 'h', knownHostKeys: known() });
    const ways: Record<string, () => SshAccess> = {
      inner: () => ({
        ...accessOf(jump(), world.hop(inner, { hostId: 'inner', knownHostKeys: known() })),
        hostId: 'inner',
      }),
      h: access,
    };
    pool = new SshPool({ ...options(access), access: async ({ hostId }) => ways[hostId]!() });
    expect(await said(await begin('echo through', { hostId: 'inner' }))).toBe('through\n');
    behind = after!;
    await expect(pool.shell({ hostId: 'h' })).rejects.toMatchObject({ code: 'ssh-host-key-changed' });
    await expect(begin('true', { hostId: 'inner' })).rejects.toMatchObject({ code: 'ssh-host-key-changed' });
  });
});
